#!/usr/bin/env bash
# What action.yml calls: installs runner beside the job's files, checks the specs, tells GitHub what was found.
# Its inputs are INPUT_* (see action.yml); RUNNER_ACTION is the folder of the action.
set -euo pipefail

venv=${RUNNER_TEMP:-$(mktemp -d)}/runner-venv
python=${INPUT_PYTHON:-python3}
if [ ! -x "$venv/bin/runner" ]; then
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "::error title=runner::$("$python" --version 2>&1) is too old, Python 3.11 or newer is needed"
        exit 2
    }
    "$python" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$RUNNER_ACTION"
fi

# Several paths in one input: split at blanks and lines, without expanding wildcards.
read -r -d '' -a paths < <(printf '%s\0' "${INPUT_PATHS:-}") || true
options=()
[ "${INPUT_STRICT:-false}" = true ] && options+=(--strict)

# The program's own name also begins variables of GitHub (RUNNER_TEMP, …): it reads none of them.
code=0
"$venv/bin/runner" validate --format github "${options[@]}" -- "${paths[@]}" || code=$?
if [ -n "${INPUT_SARIF:-}" ]; then
    "$venv/bin/runner" validate --format sarif -- "${paths[@]}" >"$INPUT_SARIF" || true
fi
"$venv/bin/runner" validate --format json -- "${paths[@]}" 2>/dev/null | "$venv/bin/python" -c '
import json, sys
text = sys.stdin.read()
found = [one["severity"] for one in json.loads(text)] if text else []
print("errors=%d\nwarnings=%d" % (found.count("error"), found.count("warning")))
' >>"${GITHUB_OUTPUT:-/dev/stdout}" || true
if [ -n "${INPUT_DIFF:-}" ]; then
    "$venv/bin/runner" plan --diff "$INPUT_DIFF" --format markdown -- "${paths[@]}" \
        >>"${GITHUB_STEP_SUMMARY:-/dev/stdout}" || code=$?
fi
exit "$code"
