#!/bin/sh
# Make `.venv` from the lock file and `.cache/wheelhouse` for boxes without a network.
# Says what is missing, and how to get it, before anything is made.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}

missing() {
    echo "runner: $1" >&2
    echo "  hint: $2" >&2
    exit 4
}

command -v "$PYTHON" >/dev/null 2>&1 ||
    missing "$PYTHON is not installed; Python 3.11 or newer is needed" "apt-get install python3 python3-venv"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    missing "$("$PYTHON" --version 2>&1) is too old; Python 3.11 or newer is needed" \
        "install a newer one (Debian 12: apt-get install python3 python3-venv) and call make PYTHON=python3.X"
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null ||
    missing "$PYTHON cannot make virtual environments (ensurepip is absent)" "apt-get install python3-venv"

UV_VERSION=0.13.9
TOOLS=.cache/tools
stamp=$(cat uv.lock pyproject.toml scripts/bootstrap.sh | cksum | tr ' ' -)-$("$PYTHON" -c 'import sys; print(sys.implementation.cache_tag)')

if [ -f ".cache/bootstrap-$stamp" ] && [ -x .venv/bin/runner ]; then
    exit 0
fi

echo "runner: making .venv from uv.lock (once)"
mkdir -p .cache
if [ ! -x "$TOOLS/bin/uv" ]; then
    rm -rf "$TOOLS"
    "$PYTHON" -m venv "$TOOLS"
    "$TOOLS/bin/pip" install --quiet --disable-pip-version-check "uv==$UV_VERSION" ||
        missing "the package registry cannot be reached" "check the network, then run make again"
fi
# Bytecode now, so that the first run does not pay for it.
UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never "$TOOLS/bin/uv" sync --quiet --frozen --all-extras \
    --python "$("$PYTHON" -c 'import sys; print(sys.executable)')" ||
    missing "the packages of uv.lock could not be installed" "read the message above; then run make again"

# What the boxes of specs/self-check.yaml install: the same locked versions, as wheels, by hash.
"$TOOLS/bin/uv" export --quiet --frozen --only-group selfcheck --no-emit-project --output-file .cache/selfcheck.txt
rm -rf .cache/wheelhouse
"$TOOLS/bin/pip" download --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps \
    --dest .cache/wheelhouse --requirement .cache/selfcheck.txt ||
    missing "the wheels for the self-check could not be fetched" "read the message above; then run make again"

rm -f .cache/bootstrap-*
touch ".cache/bootstrap-$stamp"
