#!/bin/sh
# Install the peers into a folder of their own (.cache/bench-venv), then measure: all benchmarks, or those named.
set -eu
cd "$(dirname "$0")/.."
UV=${UV:-.cache/tools/bin/uv}
[ -x "$UV" ] || UV=$(command -v uv) || {
    echo "benchmarks: uv is absent" >&2
    echo "  hint: make setup" >&2
    exit 4
}
PYTHON=${PYTHON:-python3}
[ ! -x .venv/bin/python ] || PYTHON=.venv/bin/python
base=$("$PYTHON" -c 'import sys; print(sys._base_executable)')
# Bytecode now, so that no first repetition pays for it.
UV_PROJECT_ENVIRONMENT=.cache/bench-venv UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never \
    "$UV" sync --quiet --frozen --all-extras --group bench --python "$base"
exec .cache/bench-venv/bin/python -m benchmarks "$@"
