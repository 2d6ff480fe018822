"""What shared state costs: a transition in process and over the gateway, 8 processes at once, reopening, space."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import ROOT, BenchmarkFailed, Case, Section, Timing, interleaved, span, table, times
from benchmarks.store import document, draft
from runner.embedded.surreal.launch import launch
from runner.embedded.surreal.settings import Endpoint, Settings
from runner.run.event import verify
from runner.run.ports import Change, StateStore
from runner.store.compact import compact, size
from runner.store.server import Address
from runner.store.surreal import SurrealStore

RUN = "bench"
FOLDER = "in process"
GATEWAY = "over the gateway"
PROCESSES = 8
FULL, QUICK = 1000, 50


def run(work: Path, quick: bool) -> Section:
    """Commit the same transitions to both homes in turns; then load the gateway with processes, and count."""
    return asyncio.run(_measured(work, QUICK if quick else FULL))


async def _measured(work: Path, commits: int) -> Section:
    folder = SurrealStore(work / "own" / "state")
    await folder.open()
    async with launch(Settings(str(work / "shared"))) as endpoint:
        address = Address(endpoint.url, endpoint.user, endpoint.password)
        gateway = SurrealStore.at(lambda: address)
        await gateway.open()
        stores: dict[str, StateStore] = {FOLDER: folder, GATEWAY: gateway}
        timings = await asyncio.to_thread(_timed, stores, commits, asyncio.get_running_loop())
        for store in stores.values():
            await _prove(store, RUN, commits)
        seconds = await asyncio.to_thread(_crowd, endpoint, commits)
        for number in range(PROCESSES):
            await _prove(gateway, f"r{number}", commits)
        await gateway.close()
    await folder.close()
    before = size(work / "own" / "state")
    started = time.perf_counter()
    await folder.open()
    reopened = time.perf_counter() - started
    await folder.close()
    after = (await asyncio.to_thread(compact, work / "own" / "state"))[1]
    return _section(timings, commits, seconds, reopened, before / commits, after / commits)


def _timed(stores: dict[str, StateStore], commits: int, loop: asyncio.AbstractEventLoop) -> dict[str, Timing]:
    def committer(store: StateStore) -> Callable[[], object]:
        numbers = iter(range(10**9))

        def commit() -> object:
            number = next(numbers)
            change = Change("step", "one", number, document(number))
            return asyncio.run_coroutine_threadsafe(store.commit(RUN, [change], [draft(number)]), loop).result()

        return commit

    return interleaved([Case(name, committer(store)) for name, store in stores.items()], commits)


def _crowd(endpoint: Endpoint, commits: int) -> float:
    """Seconds in which the processes, all at once, made their transitions."""
    env = {**os.environ, **endpoint.exports()}
    command = [sys.executable, "-m", "tests.state.load"]
    started = time.perf_counter()
    writers = [
        subprocess.Popen([*command, f"r{number}", str(commits)], cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
        for number in range(PROCESSES)
    ]
    codes = [writer.wait() for writer in writers]
    if any(codes):
        raise BenchmarkFailed(f"of {PROCESSES} processes, {sum(map(bool, codes))} failed")
    return time.perf_counter() - started


async def _prove(store: StateStore, name: str, commits: int) -> None:
    found = verify(await store.events(name), name, await store.head(name))
    if found != commits:
        raise BenchmarkFailed(f"the journal of {name} holds {found} events after {commits} transitions")


def _section(
    timings: dict[str, Timing], commits: int, seconds: float, reopened: float, grown: float, packed: float
) -> Section:
    own = timings[FOLDER].median
    rows = []
    for name, timing in timings.items():
        p95 = sorted(timing.seconds)[int(timing.count * 0.95)]
        rows.append([name, span(timing.median), span(p95), times(timing.median / own)])
    rate = PROCESSES * commits / seconds
    section = Section("state", "Shared state")
    section.markdown = [
        f"**{PROCESSES} processes × {commits:,} transitions** through one gateway: none lost, {rate:,.0f} in a second. "
        f"A state of {commits:,} transitions opens in {span(reopened)}; it takes {grown:,.0f} bytes for each, "
        f"{packed:,.0f} after `runner state compact`.",
        "",
        *table(["one transition", "median", "95 %", "× in process"], rows),
    ]
    section.raw = {
        **{name: timing.to_json() for name, timing in timings.items()},
        "crowd": {"processes": PROCESSES, "commits": commits, "seconds": seconds},
        "reopen": reopened,
        "bytes": {"grown": grown, "compacted": packed},
    }
    return section
