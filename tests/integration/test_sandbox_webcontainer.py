"""The conformance suite on `webcontainer`: the genuine client in a real browser, on the local engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from runner.errors import BoxGone, CommandTimeout, RequestRefused
from runner.run.ports import Box, BoxRequest, Command
from runner.sandbox.conformance import CHECKS, Check, Lab
from runner.sandbox.conformance.check import NO_FAMILY
from runner.sandbox.webcontainer import Host, WebContainerSandbox
from tests.canary import CANARY, files_with, is_in

pytestmark = pytest.mark.integration
Hosted = tuple[asyncio.Runner, Host]
PROVIDER = "webcontainer"


def _listed(check: Check) -> object:
    """A check, expected to fail where the difference is known. Some would wait a minute for what cannot come."""
    reason = check.known.get(PROVIDER, "")
    known = pytest.mark.xfail(reason=reason, strict=True, run=check.known is not NO_FAMILY)
    return pytest.param(check, id=check.name, marks=[known] if reason else [])


@pytest.mark.parametrize("check", [_listed(check) for check in CHECKS])
def test_webcontainer_behaves_as_a_provider(check: Check, webcontainers: Hosted) -> None:
    runner, host = webcontainers
    before = set(host.boxes)
    runner.run(check.run(Lab(lambda: WebContainerSandbox(host))))
    assert set(host.boxes) <= before, "the check left boxes behind"


#: Leaves a child, a detached one, an orphan and one with a bare environment; each beats.
FAMILY = """
const { spawn } = require("node:child_process");
const { appendFileSync } = require("node:fs");
const role = process.argv[2] ?? "root";
setInterval(() => appendFileSync(`${__dirname}/beat-${role}`, "x"), 50);
const start = (name, more) => spawn(process.execPath, [__filename, name], { stdio: "ignore", ...more });
if (role === "root") {
  start("child");
  start("detached", { detached: true }).unref();
  start("bare", { env: {} });
  start("parent");
}
if (role === "parent") {
  start("orphan");
  setTimeout(() => process.exit(0), 300);
}
"""
MEMBERS = {"root", "child", "detached", "bare", "orphan"}


async def _beating(box: Box) -> set[str]:
    return {info.name.removeprefix("beat-") for info in await box.list(".") if info.name.startswith("beat-")}


async def _forget_beats(box: Box) -> None:
    for name in await _beating(box):
        await box.remove(f"beat-{name}")


async def _whole_family(box: Box) -> None:
    while not await _beating(box) >= MEMBERS:  # noqa: ASYNC110 - what is waited for is in the box
        await asyncio.sleep(0.2)


async def _by_timeout(box: Box) -> None:
    """A busy machine gets longer: only a family that was whole says something of its end."""
    for seconds in (5, 20):
        running = asyncio.create_task(box.run(Command("node family.js", timeout=seconds)))
        whole = asyncio.create_task(_whole_family(box))
        with pytest.raises(CommandTimeout):
            await running
        if whole.done():
            return
        whole.cancel()
        await asyncio.wait([whole])
        await _forget_beats(box)
    pytest.fail("the processes were never all there")


async def _by_cancelling(box: Box) -> None:
    running = asyncio.create_task(box.run(Command("node family.js", timeout=None)))
    await _whole_family(box)
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()


async def _by_signal(box: Box) -> None:
    process = await box.start(Command("node family.js", timeout=None))
    await _whole_family(box)
    assert await process.signal("SIGKILL")
    assert (await process.wait()).exit_code == 137


@pytest.mark.parametrize("end", [_by_timeout, _by_cancelling, _by_signal], ids=["timeout", "cancel", "signal"])
def test_nobody_whom_a_command_has_started_outlives_its_end(
    end: Callable[[Box], Awaitable[None]], webcontainers: Hosted
) -> None:
    runner, host = webcontainers

    async def scenario() -> set[str]:
        async with Lab(lambda: WebContainerSandbox(host)).box() as box:
            await box.write("family.js", FAMILY.encode())
            await end(box)
            await _forget_beats(box)
            await asyncio.sleep(0.5)
            return await _beating(box)

    assert runner.run(scenario()) == set()


def test_a_container_reaches_no_other_process_of_the_runner(webcontainers: Hosted) -> None:
    runner, host = webcontainers

    async def scenario() -> str:
        async with Lab(lambda: WebContainerSandbox(host)).box() as box:
            box_id = box.id
            assert box_id not in await box.url(80), "an id is no secret, and the address of a port is"
        with pytest.raises(BoxGone, match="in this process") as caught:
            await WebContainerSandbox(host).connect(box_id)
        return caught.value.hint

    assert "persist" in runner.run(scenario())


def test_input_that_is_no_text_is_refused_with_a_way_out(webcontainers: Hosted) -> None:
    runner, host = webcontainers

    async def scenario() -> None:
        async with Lab(lambda: WebContainerSandbox(host)).box(BoxRequest(timeout=60)) as box:
            process = await box.start(Command("cat", timeout=None))
            with pytest.raises(RequestRefused, match="UTF-8"):
                await process.write(b"\xff")
            await process.signal("SIGKILL")

    runner.run(scenario())


def test_a_file_outside_of_the_home_folder_is_read_and_written_too(webcontainers: Hosted) -> None:
    runner, host = webcontainers

    async def scenario() -> None:
        async with Lab(lambda: WebContainerSandbox(host)).box() as box:
            await box.write("/tmp/deep/note", b"\x00outside")
            assert await box.read("/tmp/deep/note") == b"\x00outside"
            assert [info.name for info in await box.list("/tmp/deep")] == ["note"]
            await box.import_tar("/tmp/copy", await box.export_tar("/tmp/deep"))
            await box.move("/tmp/copy/note", "home-again")
            assert await box.read("home-again") == b"\x00outside"
            await box.remove("/tmp/deep")
            assert (await box.run(Command("ls /tmp", cwd="/tmp/copy"))).exit_code == 0

    runner.run(scenario())


#: Says it, keeps it in a file, and stays for a while: what it is given is in use when others look.
TELLS = """
const { writeFileSync } = require("node:fs");
writeFileSync("kept", process.env.TOKEN);
console.log(process.env.TOKEN);
console.error(Buffer.from(process.env.TOKEN).toString("base64"));
writeFileSync("told", "");
setTimeout(() => {}, 60000);
"""


def _browsers() -> list[list[str]]:
    """The words that each browser of this machine was started with."""
    started = [each.info["cmdline"] or [] for each in psutil.process_iter(["cmdline"])]
    return [words for words in started if any(word.startswith("--user-data-dir=") for word in words)]


def test_a_secret_is_in_no_page_no_profile_and_no_process_of_the_browser(webcontainers: Hosted) -> None:
    runner, host = webcontainers

    async def scenario() -> list[str]:
        async with Lab(lambda: WebContainerSandbox(host)).box() as box:
            await box.write("tells.js", TELLS.encode())
            process = await box.start(Command("node tells.js", env={"TOKEN": CANARY}, timeout=None))
            while "told" not in {info.name for info in await box.list(".")}:  # noqa: ASYNC110 - what is waited for is in the box
                await asyncio.sleep(0.05)
            pages = [page for tab in host._browsers._tabs.values() for page in tab._page.context.pages]
            shown = [await frame.content() for page in pages for frame in page.frames]
            shown += [frame.url for page in pages for frame in page.frames]
            assert await process.signal("SIGKILL")
            await process.wait()
            assert (await box.read("kept")).decode() == CANARY
            return shown

    shown = runner.run(scenario())
    assert len(shown) >= 4, "the host page and the engine's frame, and their addresses"
    assert not [text for text in shown if is_in(text.encode())]
    words = [word for browser in _browsers() for word in browser]
    assert not [word for word in words if is_in(word.encode())]
    folders = {Path(word.partition("=")[2]) for word in words if word.startswith("--user-data-dir=")}
    assert any(any(folder.rglob("*")) for folder in folders), "there is a profile to look into"
    for folder in folders:
        assert files_with(folder) == []
