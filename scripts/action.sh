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
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${RUNNER_ACTION}[shell]"
fi

# Several paths in one input: split at blanks and lines, without expanding wildcards.
read -r -d '' -a paths < <(printf '%s\0' "${INPUT_PATHS:-}") || true
options=()
[ "${INPUT_STRICT:-false}" = true ] && options+=(--strict)

# The program's own name also begins variables of GitHub (RUNNER_TEMP, …): it reads none of them.
runner() { "$venv/bin/runner" "$@" -- "${paths[@]}"; }

code=0
runner validate --format github "${options[@]}" || code=$?
[ "$code" -gt 1 ] && exit "$code"
if [ -n "${INPUT_SARIF:-}" ]; then
    runner validate --format sarif >"$INPUT_SARIF" || [ $? -eq 1 ]
fi
runner validate --format json | "$venv/bin/python" -c '
import json, sys
found = [one["severity"] for one in json.load(sys.stdin)]
print("errors=%d\nwarnings=%d" % (found.count("error"), found.count("warning")))
' >>"${GITHUB_OUTPUT:-/dev/stdout}" || [ $? -eq 1 ]
if [ -n "${INPUT_DIFF:-}" ]; then
    git rev-parse --quiet --verify --end-of-options "$INPUT_DIFF^{commit}" >/dev/null || {
        echo "::error title=runner::this checkout does not have the revision of \`diff\`: give actions/checkout \`fetch-depth: 0\`"
        exit 2
    }
    runner plan --diff "$INPUT_DIFF" --format markdown >>"${GITHUB_STEP_SUMMARY:-/dev/stdout}"
fi
exit "$code"
