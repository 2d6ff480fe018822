#!/bin/sh
# A Weaviate server of this machine, for tests, benchmarks and trying out: the one place that pins its version.
#   weaviate.sh path                      print where the program is; install it first if need be (10-25 minutes, once)
#   weaviate.sh serve FOLDER PORT GRPC    serve on loopback from FOLDER until the process is killed
# It is built by Go from the Go module proxy; without Go, the Weaviate client downloads a released one. It lives in
# ${XDG_CACHE_HOME:-$HOME/.cache}/runner/weaviate/, or in $RUNNER_WEAVIATE_CACHE.
set -eu
VERSION=1.38.11
cd "$(dirname "$0")/.."
folder="${RUNNER_WEAVIATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/runner/weaviate}/v$VERSION"
program="$folder/weaviate-server"

say() {
    echo "runner: $1" >&2
}

# Both ways end with the program in $folder/part.
build() {
    say "building Weaviate $VERSION with Go, once (10-25 minutes)"
    GOTOOLCHAIN=${GOTOOLCHAIN:-local} GOBIN="$folder/part" \
        nice -n "${NICE:-0}" go install "github.com/weaviate/weaviate/cmd/weaviate-server@v$VERSION" >&2
}

download() {
    say "downloading Weaviate $VERSION by its client, once"
    python=.venv/bin/python
    [ -x "$python" ] || python=python3
    "$python" -c "
import sys
from weaviate.embedded import EmbeddedOptions, EmbeddedV4
where, version = sys.argv[1:]
options = EmbeddedOptions(version=version, binary_path=where, persistence_data_path=where)
EmbeddedV4(options).ensure_weaviate_binary_exists()
" "$folder/part" "$VERSION" >&2
    for found in "$folder"/part/weaviate-v*; do
        mv "$found" "$folder/part/weaviate-server"
    done
}

install_program() {
    [ ! -x "$program" ] || return 0
    mkdir -p "$folder"
    exec 9>"$folder/lock"
    flock 9
    [ ! -x "$program" ] || return 0
    rm -rf "$folder/part"
    mkdir "$folder/part"
    if command -v go >/dev/null; then build; else download; fi || {
        say "Weaviate $VERSION cannot be installed"
        echo "  hint: install Go 1.26 or newer, and see that its module proxy can be reached; then: sh scripts/weaviate.sh path" >&2
        exit 4
    }
    mv "$folder/part/weaviate-server" "$program"
    rm -rf "$folder/part"
    say "Weaviate $VERSION is in $folder"
}

# Its gRPC port is open to the network the machine is in, whatever is set: give it keys (AUTHENTICATION_APIKEY_…) where
# others are in that network. Ports beside PORT that it uses within itself: the next four.
serve() {
    install_program
    exec 9>&-
    mkdir -p "$1"
    export PERSISTENCE_DATA_PATH="$1" GRPC_PORT="$3"
    export DISABLE_TELEMETRY=true AUTOSCHEMA_ENABLED=false DEFAULT_VECTORIZER_MODULE=none LIMIT_RESOURCES=false
    export AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED="${AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED:-true}"
    export CLUSTER_HOSTNAME=node1 CLUSTER_IN_LOCALHOST=true CLUSTER_BIND_ADDR=127.0.0.1 CLUSTER_ADVERTISE_ADDR=127.0.0.1
    export CLUSTER_GOSSIP_BIND_PORT=$(($2 + 1)) CLUSTER_DATA_BIND_PORT=$(($2 + 2))
    export RAFT_PORT=$(($2 + 3)) RAFT_INTERNAL_RPC_PORT=$(($2 + 4)) RAFT_BOOTSTRAP_EXPECT=1 RAFT_TIMEOUTS_MULTIPLIER=1
    # Of itself it takes no more writes on a disk that is nine tenths full, however large the rest is.
    export DISK_USE_WARNING_PERCENTAGE=98 DISK_USE_READONLY_PERCENTAGE=99
    export GO_PROFILING_DISABLE=true LOG_LEVEL="${LOG_LEVEL:-error}"
    exec "$program" --scheme=http --host=127.0.0.1 --port="$2"
}

case "${1:-}" in
path)
    install_program
    echo "$program"
    ;;
serve)
    [ $# -eq 4 ] || exec sh "$0"
    serve "$2" "$3" "$4"
    ;;
*)
    echo "usage: weaviate.sh path | serve FOLDER PORT GRPC_PORT" >&2
    exit 2
    ;;
esac
