#!/bin/sh
# The demonstration behind `make demo`: each command is printed before it runs.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
export PATH RUNNER_STATE="${STATE:-.runner}"

show() {
    printf '\n$ %s\n' "$*"
    "$@"
}

stop_server() {
    printf '\n$ runner down\n'
    runner down
}

show runner validate specs
show runner plan specs/self-check.yaml
# The server is stopped however the demonstration ends. A shell that a signal kills runs no EXIT trap: it exits itself.
trap stop_server EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
show runner up
show runner run specs/self-check.yaml --engine prefect
show runner status last
show runner audit verify last
cat <<'END'

Where to look next
  . .venv/bin/activate                   puts `runner` on this shell's path
  runner logs last                       what every step printed
  runner run specs/hello.yaml            the smallest spec, on the fast engine
  runner up                              Prefect's UI, with every run as a flow of named tasks
  docs/architecture.md                   how it is built, in reading order
END
