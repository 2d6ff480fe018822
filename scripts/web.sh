#!/bin/sh
# The browser side, which lives in web/: `web.sh build` makes its pages when it has changed, into web/dist and, for the
# wheel, runner/data/web; `web.sh check` and `web.sh test` are its gates. Without npm it says so and all else works;
# where CI=true that is an error.
set -eu
cd "$(dirname "$0")/.."

without() {
    echo "runner: the browser side (WebContainers) is left out: $1" >&2
    echo "  hint: $2" >&2
    [ "${CI:-}" != true ] || exit 4
    exit 0
}

new_enough() {
    "$1" -e 'const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' 2>/dev/null
}

# Node for the tools: the system's, or where that is older, as Debian 12's is, the one that Playwright brings.
find_node() {
    system=$(command -v node || true)
    if [ -n "$system" ] && new_enough "$system"; then
        return
    fi
    for own in .venv/lib/python3*/site-packages/playwright/driver/node; do
        if [ -x "$own" ] && new_enough "$own"; then
            mkdir -p .cache/node
            ln -sf "$PWD/$own" .cache/node/node
            PATH="$PWD/.cache/node:$PATH"
            export PATH
            return
        fi
    done
    without "Node 20.19 or newer is needed" "install it, or make setup, which brings one along"
}

install_tools() {
    lock=$(cat web/package.json web/package-lock.json | cksum)
    if [ "$(cat web/node_modules/.runner-stamp 2>/dev/null)" = "$lock" ]; then
        return
    fi
    command -v npm >/dev/null || without "npm is not installed" "apt-get install npm, then make web"
    echo "runner: installing the tools of web/ from its lock file (once)"
    (cd web && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) ||
        without "the packages of web/package-lock.json could not be installed" "read the message above, then make web"
    echo "$lock" >web/node_modules/.runner-stamp
}

build() {
    made=$(find web/host/src web/engine/src web/build.mjs web/licences.mjs web/package-lock.json -type f | LC_ALL=C sort | xargs cksum | cksum)
    if [ -d web/dist ] && [ "$(cat .cache/web-built 2>/dev/null)" = "$made" ] && [ -d runner/data/web ]; then
        return
    fi
    install_tools
    find_node
    echo "runner: building the pages of WebContainers"
    fresh="$PWD/.cache/web-dist"
    OUT="$fresh" node web/build.mjs
    rm -rf web/dist runner/data/web
    mkdir -p runner/data
    cp -r "$fresh" runner/data/web
    mv "$fresh" web/dist
    echo "$made" >.cache/web-built
}

mkdir -p .cache
case "${1:-}" in
build) build ;;
check)
    install_tools
    find_node
    (cd web && node node_modules/typescript/bin/tsc -p tsconfig.json && node node_modules/eslint/bin/eslint.js --max-warnings 0 .)
    ;;
test)
    install_tools
    find_node
    (cd web && node node_modules/vitest/vitest.mjs run)
    ;;
*)
    echo "usage: web.sh build|check|test" >&2
    exit 2
    ;;
esac
