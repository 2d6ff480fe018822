"""Many boxes of the embedded E2B endpoint at once: 1 to 50, made, used and killed side by side."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil

from benchmarks import servers
from benchmarks.harness import BenchmarkFailed, Section, clean_environment, span, table, times

SIZES, QUICK = (1, 5, 10, 20, 50), (1, 2)
#: Commands that every box of a crowd runs, one after the other, while all the others do the same.
COMMANDS = 10
_BARE = "bash -c 'echo hi'"


def run(work: Path, quick: bool) -> Section:
    """Measure crowds of growing size on one endpoint; a bare shell is timed beside each of them."""
    env = clean_environment(work / "home")
    with servers.e2b_endpoint(work, env) as exports:
        crowds = asyncio.run(_crowds(exports, QUICK if quick else SIZES))
    return _section(crowds)


async def _crowds(exports: dict[str, str], sizes: tuple[int, ...]) -> list[dict[str, float]]:
    from e2b import E2B

    where = {
        "api_key": exports["E2B_API_KEY"],
        "api_url": exports["E2B_API_URL"],
        "sandbox_url": exports["E2B_SANDBOX_URL"],
    }
    sdk = E2B(**where).AsyncSandbox
    warm = await sdk.create(timeout=60)
    await warm.kill()
    return [await _crowd(sdk, size) for size in sizes]


async def _crowd(sdk: Any, size: int) -> dict[str, float]:
    edge = _edge()
    before = _memory(edge)
    started = time.perf_counter()
    boxes, created = await _timed(size, lambda _: sdk.create(timeout=600))
    made = time.perf_counter() - started
    idle = (_memory(edge) - before) / size
    seconds: list[float] = []

    async def work(number: int) -> None:
        for _ in range(COMMANDS):
            begun = time.perf_counter()
            done = await boxes[number].commands.run(f"echo {number}")
            seconds.append(time.perf_counter() - begun)
            if done.stdout != f"{number}\n":
                raise BenchmarkFailed(f"the box {number} of {size} answered {done.stdout!r}")

    started = time.perf_counter()
    await _timed(size, work)
    ran = time.perf_counter() - started
    _, killed = await _timed(size, lambda number: boxes[number].kill())
    return {
        "boxes": size, "create_median_s": statistics.median(created), "create_all_s": made,
        "run_median_s": statistics.median(seconds), "runs_per_s": size * COMMANDS / ran,
        "kill_median_s": statistics.median(killed), "idle_bytes": idle, "bare_median_s": _bare(),
    }  # fmt: skip


async def _timed(size: int, call: Callable[[int], Awaitable[Any]]) -> tuple[list[Any], list[float]]:
    """The call for each number, all at once; results and seconds in order."""

    async def one(number: int) -> tuple[Any, float]:
        begun = time.perf_counter()
        return await call(number), time.perf_counter() - begun

    both = await asyncio.gather(*(one(number) for number in range(size)))
    return [result for result, _ in both], [spent for _, spent in both]


def _edge() -> psutil.Process:
    """The endpoint that this process has started."""
    for child in psutil.Process().children():
        if "endpoint" in child.cmdline():
            return child
    raise BenchmarkFailed("the endpoint is not among our processes")


def _memory(edge: psutil.Process) -> float:
    """Bytes of the edge and of all in its boxes, shared pages counted by share (PSS)."""
    total = 0
    for each in [edge, *edge.children(recursive=True)]:
        try:
            total += each.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return float(total)


def _bare() -> float:
    spent = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run(["bash", "-c", "echo hi"], check=True, capture_output=True)
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent)


def _section(crowds: list[dict[str, float]]) -> Section:
    rows = [
        [
            f"{crowd['boxes']:.0f}",
            span(crowd["create_median_s"]),
            span(crowd["create_all_s"] / crowd["boxes"]),
            span(crowd["run_median_s"]),
            times(crowd["run_median_s"] / crowd["bare_median_s"]),
            f"{crowd['runs_per_s']:.0f}",
            span(crowd["kill_median_s"]),
            f"{crowd['idle_bytes'] / 2**20:.1f} MiB",
        ]
        for crowd in crowds
    ]
    header = [
        "boxes at once", "create, median", "create, by box", "run, median", f"× {_BARE}", "runs by second",
        "kill, median", "memory by idle box",
    ]  # fmt: skip
    section = Section("crowd", "Many boxes at once")
    section.markdown = [*table(header, rows), "", f"{COMMANDS} commands in each box, all boxes at the same time."]
    section.raw = {f"{crowd['boxes']:.0f}": crowd for crowd in crowds}
    return section
