"""A run with a desktop, killed in the middle: another process finds the desktop again by the store alone."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest

from runner.embedded.e2b.launch import Endpoint
from runner.errors import FileMissing
from runner.run.ports import BoxRequest, Command
from runner.sandbox.e2b import E2BBox, E2BSandbox
from runner.wiring import open_store

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
_SPEC = """
spec: 1
name: screen
sandboxes: {screen: {needs: {desktop: true}}}
steps: {look: {sandbox: screen, timeout: 10m, run: "xdotool getmouselocation && touch ~/up && sleep 300"}}
"""


@pytest.fixture
def sandbox(equipped_e2b: Endpoint) -> E2BSandbox:
    """The adapter, as a process of its own has it."""
    return E2BSandbox(equipped_e2b.api_key, equipped_e2b.api_url, equipped_e2b.sandbox_url)


async def _is_up(sandbox: E2BSandbox) -> bool:
    for info in await sandbox.list({"sandbox": "screen"}):
        box = await sandbox.connect(info.id)
        try:
            await box.stat("up")
        except FileMissing:
            return False
        return True
    return False


def _killed_in_the_middle(folder: Path, endpoint: Endpoint, sandbox: E2BSandbox) -> None:
    (folder / "screen.yaml").write_text(_SPEC)
    where = {
        "E2B_API_URL": endpoint.api_url, "E2B_SANDBOX_URL": endpoint.sandbox_url, "E2B_API_KEY": endpoint.api_key,
    }  # fmt: skip
    log = (folder / "log").open("wb")
    run = subprocess.Popen(
        [sys.executable, "-m", "runner", "run", "screen.yaml", "--engine", "local", "--state", "state"],
        cwd=folder, env={**os.environ, **where}, stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while not asyncio.run(_is_up(sandbox)):
            assert run.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.2)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
        log.close()


def test_another_process_finds_the_desktop_of_a_killed_run(
    equipped_e2b: Endpoint, sandbox: E2BSandbox, tmp_path: Path, missing: Callable[[str], None]
) -> None:
    chromium = os.environ.get("RUNNER_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        missing("chromium is not installed: apt-get install chromium")
    _killed_in_the_middle(tmp_path, equipped_e2b, sandbox)

    async def found() -> tuple[E2BBox, str]:
        store = open_store(tmp_path / "state")
        await store.open()
        try:
            (run,) = await store.runs()
            (record,) = await store.all(run.key, "box")
        finally:
            await store.close()
        assert record.data["desktop"] == {"display": ":0", "port": 6080}
        box = await sandbox.connect(record.key)
        size = await box.run(Command("xdpyinfo -display :0 | grep dimensions"))
        assert "1280x800" in size.stdout
        assert (await box.run(Command("stat -c '%a %U' ~/.vnc/runner.json"))).stdout == "600 user\n"
        return box, await box.desktop_url()

    box, url = asyncio.run(found())
    key = unquote(url.partition("password=")[2])
    assert len(key) >= 8
    kept = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(kept) > 3
    assert [file for file in kept if key.encode() in file.read_bytes()] == []

    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(url)
        expect(page.locator("html.noVNC_connected")).to_be_attached(timeout=20_000)
        browser.close()

    async def freed() -> None:
        assert await box.kill()

    asyncio.run(freed())


def test_a_box_without_a_desktop_says_so(sandbox: E2BSandbox) -> None:
    async def scenario() -> None:
        box = await sandbox.create(BoxRequest(timeout=60))
        try:
            assert box.desktop is None
            with pytest.raises(FileMissing):
                await box.desktop_url()
        finally:
            await box.kill()

    asyncio.run(scenario())
