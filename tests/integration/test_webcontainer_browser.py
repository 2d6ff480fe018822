"""The shared browser server: started with the first who needs it, gone after the last, whoever is killed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from runner.embedded.webcontainer.browser import Browser, BrowserSettings, browser, runtime_folder
from runner.errors import SandboxMissing

pytestmark = pytest.mark.integration

QUICK = BrowserSettings(idle_seconds=0.3, containers=2)


@pytest.fixture
def runtime(missing: Callable[[str], None]) -> Iterator[dict[str, str]]:
    """An environment whose runtime folder is short enough for a socket and used by nobody else."""
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        missing("no Chromium: apt-get install chromium")
    folder = tempfile.mkdtemp(prefix="wc-", dir="/tmp")
    yield {**os.environ, "XDG_RUNTIME_DIR": folder}
    until(lambda: not processes(folder), "the browser server has ended")
    shutil.rmtree(folder)


def processes(runtime: str) -> list[psutil.Process]:
    """All processes of browser servers with that runtime folder: supervisor, driver, Chromium."""
    found = []
    for each in psutil.process_iter():
        try:
            ours = runtime in line_of(each) and each.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            continue
        if ours and each.pid != os.getpid():
            found.append(each)
    return found


def line_of(process: psutil.Process) -> str:
    """Its command line, empty once it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def left_in(runtime: dict[str, str]) -> set[str]:
    """What lies in the folders of browser servers."""
    return {each.name for each in Path(runtime["XDG_RUNTIME_DIR"], "runner", "browser").glob("*/*")}


def socket_of(runtime: dict[str, str]) -> Path:
    return next(Path(runtime["XDG_RUNTIME_DIR"], "runner", "browser").iterdir()) / "socket"


def named(runtime: str, words: str) -> psutil.Process:
    return next(each for each in processes(runtime) if words in line_of(each))


def until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.05)


async def page_works(place: Browser) -> bool:
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        connected = await playwright.chromium.connect(place.ws_endpoint)
        page = await connected.new_page()
        answer = await page.evaluate("6 * 7")
        await connected.close()
    return bool(answer == 42)


def test_clients_share_one_server_until_it_has_served_enough(runtime: dict[str, str]) -> None:
    async def go() -> None:
        async with browser(QUICK, runtime) as first, browser(QUICK, runtime) as second:
            assert first.ws_endpoint == second.ws_endpoint != ""
            assert await page_works(second)
            async with browser(QUICK, runtime) as third:
                assert third.ws_endpoint not in ("", first.ws_endpoint)
            assert await page_works(first)

    asyncio.run(go())
    until(lambda: not processes(runtime["XDG_RUNTIME_DIR"]), "nobody needs it")
    assert left_in(runtime) == {"lock"}


def test_secrets_of_whoever_starts_it_do_not_reach_the_browser(
    runtime: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("E2B_API_KEY", "not-for-browsers")

    async def go() -> None:
        async with browser(QUICK, runtime) as place:
            secret = place.ws_endpoint.rpartition("/")[2]
            for each in processes(runtime["XDG_RUNTIME_DIR"]):
                assert "not-for-browsers" not in str(each.environ())
                assert secret not in line_of(each)
            assert len(secret) >= 32

    asyncio.run(go())


def test_the_browser_server_s_address_is_told_to_nobody_who_asks_its_port(runtime: dict[str, str]) -> None:
    async def go() -> None:
        async with browser(QUICK, runtime) as place, httpx.AsyncClient(trust_env=False) as client:
            port, _, secret = place.ws_endpoint.removeprefix("ws://").partition("/")
            for path in ("/json", "/json/version", "/"):
                answer = await client.get(f"http://{port}{path}")
                assert (answer.status_code, secret in answer.text) == (404, False)
            assert await page_works(place)

    asyncio.run(go())


def test_a_browser_starts_though_its_folder_s_path_is_too_long_for_its_sockets(runtime: dict[str, str]) -> None:
    long = Path(runtime["XDG_RUNTIME_DIR"], "too-long-for-a-socket-below-it")
    long.mkdir()
    elsewhere = {**runtime, "XDG_RUNTIME_DIR": str(long)}

    async def used() -> bool:
        async with browser(QUICK, elsewhere) as place:
            return await page_works(place)

    assert asyncio.run(used())
    until(lambda: left_in(elsewhere) == {"lock"}, "nobody needs it")


def test_a_killed_supervisor_takes_its_browser_along_and_the_next_client_gets_another(runtime: dict[str, str]) -> None:
    async def go() -> None:
        async with browser(QUICK, runtime) as before:
            running = processes(runtime["XDG_RUNTIME_DIR"])
            named(runtime["XDG_RUNTIME_DIR"], "webcontainer.supervisor").kill()
            until(lambda: not any(each.is_running() for each in running), "its browser is gone")
            assert left_in(runtime) <= {"lock", "socket"}
            async with browser(QUICK, runtime) as after:
                assert after.ws_endpoint != before.ws_endpoint
                assert await page_works(after)

    asyncio.run(go())


@pytest.mark.parametrize("victim", ["launch-server", "--no-startup-window"])
def test_a_killed_driver_or_browser_is_replaced(runtime: dict[str, str], victim: str) -> None:
    async def go() -> None:
        folder = runtime["XDG_RUNTIME_DIR"]
        async with browser(QUICK, runtime) as before:
            running = [each for each in processes(folder) if "webcontainer.supervisor" not in line_of(each)]
            named(folder, victim).kill()
            until(lambda: not any(each.is_running() for each in running), "the rest of it is gone")
            async with browser(QUICK, runtime) as after:
                assert after.ws_endpoint != before.ws_endpoint
                assert await page_works(after)

    asyncio.run(go())


def test_a_discarded_browser_is_not_given_to_the_next(runtime: dict[str, str]) -> None:
    async def go() -> None:
        async with browser(QUICK, runtime) as before:
            await before.discard()
            async with browser(QUICK, runtime) as after:
                assert after.ws_endpoint != before.ws_endpoint

    asyncio.run(go())


def test_a_killed_client_leaves_nothing_behind(runtime: dict[str, str], root: Path) -> None:
    program = (
        "import asyncio, os\n"
        "from runner.embedded.webcontainer.browser import BrowserSettings, browser\n"
        "async def go():\n"
        "    async with browser(BrowserSettings(idle_seconds=0.3)):\n"
        "        print('here', flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(go())\n"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], env=runtime, stdout=pipe, cwd=root) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"here\n"
        client.send_signal(signal.SIGKILL)
    until(lambda: not processes(runtime["XDG_RUNTIME_DIR"]), "the browser server has ended")


def test_who_comes_when_the_server_is_about_to_end_gets_the_next_one(runtime: dict[str, str]) -> None:
    async def go() -> None:
        async with browser(QUICK, runtime):
            pass
        await asyncio.to_thread(until, lambda: not processes(runtime["XDG_RUNTIME_DIR"]), "the server has ended")
        place = socket_of(runtime)

        def ends(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            place.unlink()
            writer.close()

        async with await asyncio.start_unix_server(ends, place), browser(QUICK, runtime) as after:
            assert await page_works(after)

    asyncio.run(go())


def test_a_driver_that_cannot_be_started_is_told(runtime: dict[str, str], tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text("#!/there/is/no/such/program\n")
    node.chmod(0o755)

    async def go() -> None:
        async with browser(QUICK, {**runtime, "PLAYWRIGHT_NODEJS_PATH": str(node)}):
            pytest.fail("it cannot be used")

    with pytest.raises(SandboxMissing, match="could not be started: No such file or directory"):
        asyncio.run(go())


def test_the_runtime_folder_of_somebody_else_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    assert runtime_folder({"XDG_RUNTIME_DIR": "/tmp"}) == Path(tempfile.gettempdir(), "runner-4711", "browser")


def test_a_chromium_that_does_not_start_is_named_with_its_reason(runtime: dict[str, str], tmp_path: Path) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho 'error while loading shared libraries: libnss3.so' >&2\nexit 127\n")
    broken.chmod(0o755)

    async def go() -> None:
        async with browser(QUICK, {**runtime, "RUNNER_CHROMIUM": str(broken)}):
            pytest.fail("it cannot be used")

    with pytest.raises(SandboxMissing, match=r"could not be started: .*libnss3\.so") as raised:
        asyncio.run(go())
    assert "RUNNER_CHROMIUM" in raised.value.hint


def test_a_client_that_wants_its_own_is_told_how_to_launch_it(runtime: dict[str, str]) -> None:
    async def go() -> None:
        async with browser(BrowserSettings(shared=False, memory_mb=300), runtime) as place:
            assert place.ws_endpoint == ""
            assert place.why
            assert place.executable.name.startswith("chrom")
            assert "--js-flags=--max-old-space-size=300" in place.launch_arguments
            assert not [each for each in place.launch_arguments if "ThirdPartyStoragePartitioning" in each]

    asyncio.run(go())
    assert not processes(runtime["XDG_RUNTIME_DIR"])
