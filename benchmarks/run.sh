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
UV_PROJECT_ENVIRONMENT=.cache/bench-venv UV_COMPILE_BYTECODE=1 "$UV" sync --quiet --frozen --all-extras --group bench
exec .cache/bench-venv/bin/python -m benchmarks "$@"
