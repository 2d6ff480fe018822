"""The endpoint after a long day: thousands of commands, hundreds of boxes, and nothing is left of them."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from runner.embedded.e2b.launch import Endpoint, launch
from runner.embedded.e2b.settings import Settings
from runner.errors import SandboxMissing

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400)]

BOXES, COMMANDS = 50, 40
LIVES, AT_ONCE = 500, 10
#: Lives before the count begins: what is made once (pools, caches, pages of memory) is no leak.
WARM = 60
#: Bytes that the edge may grow by during all these lives.
GROWTH = 24 * 1024 * 1024
#: Descriptors by which a pool may have grown in a crowd; a leak of one in 50 lives is more.
POOLED = 8


@dataclass(frozen=True, slots=True)
class Left:
    """What the endpoint holds on this machine."""

    processes: int
    descriptors: int
    mounts: int
    folders: int
    groups: int
    loops: int
    memory: int


def left(edge: psutil.Process, folder: Path) -> Left:
    """Count it."""
    mine = [each for each in folder.iterdir() if (each / "lock").exists()]
    boxes = [each for place in mine for each in (place / "boxes").glob("*")]
    mounts = Path(f"/proc/{edge.pid}/mountinfo").read_text().splitlines()
    # Unlike glob, walk does not mind a folder that goes away under its eyes.
    ours = re.compile(rf"/[^/]*runner[^/]*{edge.pid}")
    groups = [each for each, _, _ in os.walk("/sys/fs/cgroup") if ours.search(each)]
    backing = [_read(each) for each in Path("/sys/block").glob("loop*/loop/backing_file")]
    loops = sum(str(folder) in each for each in backing)
    return Left(
        len(edge.children(recursive=True)), edge.num_fds(), len(mounts), len(boxes), len(groups), loops,
        edge.memory_info().rss,
    )  # fmt: skip


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # it went away while we looked
        return ""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="counts by /proc")
def test_two_thousand_commands_and_five_hundred_boxes_leave_nothing(
    tmp_path: Path, missing: Callable[[str], None]
) -> None:
    async def soak() -> None:
        async with launch(Settings(folder=str(tmp_path))) as endpoint:
            edge = next(each for each in psutil.Process().children() if "runner.embedded.e2b" in each.cmdline())
            sdk = _sdk(endpoint)
            await _lives(sdk, WARM)
            await _quiet(edge, tmp_path, None)
            before = left(edge, tmp_path)
            await _crowd(sdk)
            await _lives(sdk, LIVES)
            after = await _quiet(edge, tmp_path, before)
            assert after.processes == before.processes
            assert after.descriptors <= before.descriptors + POOLED
            assert (after.mounts, after.folders, after.groups, after.loops) == (
                before.mounts, before.folders, before.groups, before.loops,
            )  # fmt: skip
            assert after.memory < before.memory + GROWTH
            pids = [edge.pid, *(each.pid for each in edge.children(recursive=True))]
        await _gone(pids)

    try:
        asyncio.run(soak())
    except SandboxMissing as error:
        missing(f"{error} {error.hint}")
    assert not list(tmp_path.glob("runner-e2b-*"))


def _sdk(endpoint: Endpoint) -> Any:
    from e2b import E2B

    return E2B(
        api_key=endpoint.api_key, api_url=endpoint.api_url, sandbox_url=endpoint.sandbox_url, request_timeout=120
    ).AsyncSandbox


async def _crowd(sdk: Any) -> None:
    """Fifty boxes at once; every command's output and every box's own counter must be right."""
    boxes = await asyncio.gather(*(sdk.create(timeout=600) for _ in range(BOXES)))

    async def work(number: int) -> None:
        box = boxes[number]
        for count in range(COMMANDS):
            done = await box.commands.run(f"echo {number} >> mine; wc -l < mine; sort -u mine", timeout=120)
            assert done.stdout.split() == [str(count + 1), str(number)]

    await asyncio.gather(*(work(number) for number in range(BOXES)))
    assert await asyncio.gather(*(box.kill() for box in boxes)) == [True] * BOXES


async def _lives(sdk: Any, count: int) -> None:
    """Boxes that are made, used once and killed, a few at a time; every fifth has a process that goes on."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def life(number: int) -> None:
        async with turn:
            box = await sdk.create(timeout=600)
            if number % 5 == 0:
                await box.commands.run("sleep 1000", background=True, timeout=0)
            assert (await box.commands.run(f"echo {number}", timeout=120)).stdout == f"{number}\n"
            assert await box.kill()

    await asyncio.gather(*(life(number) for number in range(count)))


async def _quiet(edge: psutil.Process, folder: Path, wanted: Left | None) -> Left:
    """What is left once nothing changes any more; the last boxes are cleared away in the background."""
    deadline = time.monotonic() + 60
    seen = left(edge, folder)
    while time.monotonic() < deadline:
        await asyncio.sleep(1)
        now = left(edge, folder)
        settled = (
            now.processes == seen.processes and now.descriptors == seen.descriptors and now.folders == seen.folders
        )
        if settled and (wanted is None or (now.processes, now.folders) == (wanted.processes, wanted.folders)):
            return now
        seen = now
    return seen


async def _gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 30
    while alive := [pid for pid in pids if not _zombie(pid)]:
        assert time.monotonic() < deadline, f"still there: {alive} of {os.getpid()}"
        await asyncio.sleep(0.1)


def _zombie(pid: int) -> bool:
    """Whether a process is over: gone, or waiting for its parent to look."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
