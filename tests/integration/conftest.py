"""Servers that integration tests share."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from runner.embedded.e2b.launch import Endpoint, launch
from runner.embedded.e2b.settings import Settings
from runner.embedded.webcontainer import chromium
from runner.errors import SandboxMissing
from runner.sandbox import webcontainer_ready
from tests.prefect_browser import opened

if TYPE_CHECKING:
    from e2b import AsyncSandbox
    from playwright.async_api import Browser

    from runner.sandbox.webcontainer import Host


@pytest.fixture(scope="session")
def embedded_e2b(missing: Callable[[str], None]) -> Iterator[Endpoint]:
    """One embedded E2B endpoint for the whole session; its start takes 0.2 s."""
    with asyncio.Runner() as runner:
        serving = launch()
        try:
            endpoint = runner.run(serving.__aenter__())
        except SandboxMissing as error:
            missing(f"{error} {error.hint}")
        yield endpoint
        runner.run(serving.__aexit__(None, None, None))


@pytest.fixture
def in_box(embedded_e2b: Endpoint) -> Callable[[Callable[[AsyncSandbox], Awaitable[None]]], None]:
    """Run a coroutine function on a fresh box of the genuine SDK, which is killed afterwards."""
    from e2b import AsyncSandbox

    where: dict[str, Any] = {
        "api_url": embedded_e2b.api_url,
        "sandbox_url": embedded_e2b.sandbox_url,
        "api_key": embedded_e2b.api_key,
    }

    def run(body: Callable[[AsyncSandbox], Awaitable[None]]) -> None:
        async def go() -> None:
            box = await AsyncSandbox.create(timeout=120, **where)
            try:
                await body(box)
            finally:
                await box.kill()

        asyncio.run(go())

    return run


@pytest.fixture(scope="session")
def secured_e2b(missing: Callable[[str], None]) -> Iterator[Endpoint]:
    """An embedded E2B endpoint that also speaks TLS; `named_e2b` is how to reach it by names."""
    with asyncio.Runner() as runner:
        serving = launch(Settings(tls=True))
        try:
            endpoint = runner.run(serving.__aenter__())
        except SandboxMissing as error:
            missing(f"{error} {error.hint}")
        yield endpoint
        runner.run(serving.__aexit__(None, None, None))


@pytest.fixture
def named_e2b(secured_e2b: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    """The endpoint as the hosted service is reached: what `runner endpoint e2b --tls` exports is set.

    The SDK's connections, made by other tests, have read their certificates already: it gets new ones. Python's
    resolver does not know `*.localhost`, as browsers and the SDK's transport do.
    """
    from e2b.api import client_async, client_sync

    for name, value in secured_e2b.exports().items():
        monkeypatch.setenv(name, value)
    for module in (client_async, client_sync):
        for store in ("_transports", "_pools", "_httpx_transports"):
            monkeypatch.setattr(module, store, {})
    resolve = socket.getaddrinfo

    def resolved(host: Any, *words: Any, **more: Any) -> Any:
        return resolve("127.0.0.1" if str(host).endswith(".localhost") else host, *words, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    return secured_e2b


@pytest.fixture(scope="session")
def equipped_home(root: Path, missing: Callable[[str], None]) -> Path:
    """A RUNNER_HOME in which everything has been set up: once, for layers are good for many sessions."""
    home = root / ".cache" / "runner-home"
    done = subprocess.run(
        [sys.executable, "-m", "runner", "setup", "desktop", "code-interpreter"],
        env={**os.environ, "RUNNER_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    if done.returncode != 0:
        missing(f"runner setup: {done.stderr.strip()[-300:]}")
    return home


@pytest.fixture(scope="session")
def equipped_e2b(equipped_home: Path, missing: Callable[[str], None]) -> Iterator[Endpoint]:
    """An embedded E2B endpoint that also speaks TLS and has all templates that `runner setup` makes."""
    with asyncio.Runner() as runner, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNNER_HOME", str(equipped_home))
        serving = launch(Settings(tls=True))
        try:
            endpoint = runner.run(serving.__aenter__())
        except SandboxMissing as error:
            missing(f"{error} {error.hint}")
        patch.undo()
        yield endpoint
        runner.run(serving.__aexit__(None, None, None))


@pytest.fixture(autouse=True)
def _prefect_leaves_a_socket_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """A synchronous client inside Prefect's flow engine is never closed; it is collected here, not in a later test."""
    yield
    if {"prefect_api", "prefect_state", "other_prefect_state"} & set(request.fixturenames):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


#: Where tests look for free ports: not near the default, where a developer's own server may be; and not all
#: sessions on one machine at the same place.
PORTS = 20_000 + os.getpid() % 1_000 * 10


@pytest.fixture(scope="session")
def prefect_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder whose Prefect server is up; the first test that asks for it waits about 10 s."""
    from runner.flow import server

    state = tmp_path_factory.mktemp("prefect-state")
    server.start(state, server.free_port(PORTS), wait=120.0)
    yield state
    server.stop(state)


@pytest.fixture(scope="session")
def prefect_api(prefect_state: Path) -> str:
    """The API of a real Prefect server, started once per session."""
    from runner.flow.address import read_record

    record = read_record(prefect_state)
    assert record is not None
    return record.api_url


@pytest.fixture
def free_port() -> int:
    """A port on loopback that nobody listens on."""
    from runner.flow import server

    return server.free_port(PORTS)


@pytest.fixture
def other_prefect_state(prefect_state: Path, tmp_path: Path) -> Iterator[Path]:
    """A state folder for a server of the test's own, to start and to kill; its database is migrated already."""
    from runner.flow import server

    state = tmp_path / "other"
    server.folder(state).mkdir(parents=True)
    source, target = (sqlite3.connect(server.folder(folder) / "prefect.db") for folder in (prefect_state, state))
    source.backup(target)
    source.close()
    target.close()
    yield state
    server.stop(state)
    shutil.rmtree(state)


@pytest.fixture(scope="session")
def npm_tools(missing: Callable[[str], None], root: Path) -> Callable[[str], Path]:
    """Install the programs of tests/tools/NAME from npm by lock file, once; give its folder `node_modules`."""

    def installed(name: str) -> Path:
        source = root / "tests" / "tools" / name
        lock = (source / "package-lock.json").read_bytes()
        folder = root / ".cache" / "npm" / f"{name}-{hashlib.sha256(lock).hexdigest()[:12]}"
        if not (folder / "done").is_file():
            npm = shutil.which("npm")
            if npm is None:
                missing("npm is not installed: apt-get install npm")
            folder.mkdir(parents=True, exist_ok=True)
            for file in ("package.json", "package-lock.json"):
                shutil.copy(source / file, folder / file)
            command = [str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
            if done.returncode != 0:
                missing(f"npm could not install tests/tools/{name}: {done.stderr.strip()[-300:]}")
            (folder / "done").touch()
        return folder / "node_modules"

    return installed


@pytest.fixture(scope="session")
def sdk_node(npm_tools: Callable[[str], Path], missing: Callable[[str], None]) -> str:
    """A Node on which the vendor's JavaScript SDK runs: the machine's, or one from npm where that is older, as Debian
    12's is.
    """
    own = shutil.which("node")
    if own is not None:
        said = subprocess.run([own, "--version"], capture_output=True, text=True, check=True).stdout
        if tuple(int(part) for part in said.strip().lstrip("v").split(".")[:2]) >= (20, 19):
            return own
    found = next(npm_tools("node").glob("node-*/bin/node"), None)
    if found is None:
        missing("npm has no Node for this machine: install Node 20.19 or newer")
    return str(found)


@pytest.fixture(scope="session")
def javascript_checks(
    npm_tools: Callable[[str], Path], sdk_node: str
) -> Callable[[Path, Endpoint], dict[str, dict[str, str]]]:
    """Run a program of checks on the vendor's JavaScript SDKs; gives what each of them came to."""

    def run(program: Path, endpoint: Endpoint) -> dict[str, dict[str, str]]:
        where = {
            "E2B_API_URL": endpoint.api_url,
            "E2B_SANDBOX_URL": endpoint.sandbox_url,
            "E2B_API_KEY": endpoint.api_key,
        }
        done = subprocess.run(
            [sdk_node, str(program), str(npm_tools("e2b-js"))],
            env={"PATH": os.environ["PATH"], **where},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}

    return run


@pytest.fixture(scope="session")
def webcontainers(missing: Callable[[str], None]) -> Iterator[tuple[asyncio.Runner, Host]]:
    """A host of WebContainers on the local engine, and the event loop that it lives in: its browser belongs to it."""
    lacking = webcontainer_ready.lacking(os.environ)
    if lacking:
        missing(lacking)
    from runner.sandbox.webcontainer import opened
    from runner.sandbox.webcontainer_engine import Choice

    with asyncio.Runner() as runner:
        opening = opened(Choice("local", "the local engine"))
        host = runner.run(opening.__aenter__())
        yield runner, host
        runner.run(opening.__aexit__(None, None, None))


@pytest.fixture(scope="session")
def loop() -> Iterator[asyncio.Runner]:
    """The event loop in which tests share `browser`."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="session")
def browser(loop: asyncio.Runner, missing: Callable[[str], None]) -> Iterator[Browser]:
    """A Chromium with the arguments of WebContainers' browsers; each test has contexts of its own in it, and closes
    them.
    """
    lacking = webcontainer_ready.lacking(os.environ)
    if lacking:
        missing(lacking)
    from playwright.async_api import async_playwright

    from runner.embedded.webcontainer import chromium

    starting = async_playwright()
    playwright = loop.run(starting.__aenter__())
    executable = chromium.find(os.environ)
    options = {"args": list(chromium.arguments(512)), "chromium_sandbox": chromium.may_be_sandboxed()}
    launched = loop.run(playwright.chromium.launch(executable_path=executable, **options))
    yield launched
    loop.run(launched.close())
    loop.run(starting.__aexit__(None, None, None))


@pytest.fixture
def page(missing: Callable[[str], None]) -> Iterator[Any]:
    """A page of a real browser."""
    executable = chromium.find(os.environ)
    if executable is None:
        missing("there is no Chromium: apt-get install chromium")
    with opened(str(executable)) as page:
        yield page
