"""The journal has no gaps, and its chain holds however many write at once."""

# ruff: noqa: S101, D103 - checks assert, and their wounds are their docs
from __future__ import annotations

import asyncio

from runner.errors import StoreConflict
from runner.run.ports import Change
from runner.store.checks.bench import Bench, Check, collector, fact, journal

CHECKS: list[Check] = []
check = collector(CHECKS)


@check("numbers with gaps could not be told from lost events")
async def seq_is_gapless_and_chained(bench: Bench) -> None:
    for count in (1, 3, 0, 2):
        await bench.store.commit("r", [], [fact(n=number) for number in range(count)])
    assert [event.seq for event in await bench.store.events("r")] == [1, 2, 3, 4, 5, 6]
    assert await journal(bench.store, "r") == 6


@check("50 tasks read the same head: numbers came twice, or half of the commits failed")
async def fifty_concurrent_commits(bench: Bench) -> None:
    store = bench.store
    sealed = await asyncio.gather(
        *(store.commit("r", [Change("step", f"s{n}", 0, {"n": n})], [fact(n=n), fact(n=n)]) for n in range(50))
    )
    numbers = sorted(event.seq for events in sealed for event in events)
    assert numbers == list(range(1, 101))
    assert all(second.seq == first.seq + 1 for first, second in sealed)
    assert await journal(store, "r") == 100
    assert len(await store.all("r", "step")) == 50


@check("of 20 tasks that claimed one step, two won")
async def one_winner_of_a_race(bench: Bench) -> None:
    store = bench.store
    await store.commit("r", [Change("step", "a", 0, {})], [])

    async def claim(number: int) -> bool:
        try:
            await store.commit("r", [Change("step", "a", 1, {"owner": number})], [fact(n=number)])
        except StoreConflict:
            return False
        return True

    won = await asyncio.gather(*(claim(number) for number in range(20)))
    assert won.count(True) == 1
    record = await store.get("r", "step", "a")
    assert record is not None
    assert (record.rev, record.data) == (2, {"owner": won.index(True)})
    assert await journal(store, "r") == 1


@check("a live view that asks for what is new got the last event again")
async def events_after(bench: Bench) -> None:
    await bench.store.commit("r", [], [fact(n=n) for n in range(12)])
    assert [event.seq for event in await bench.store.events("r", after=9)] == [10, 11, 12]
    assert [event.seq for event in await bench.store.events("r", after=2, limit=3)] == [3, 4, 5]
    assert await bench.store.events("r", after=12) == []
    assert await bench.store.events("r", after=500) == []
    assert len(await bench.store.events("r", limit=1000)) == 12


@check("event 10 came before event 2: numbers were sorted as text")
async def thousand_events_in_order(bench: Bench) -> None:
    for start in range(0, 1000, 100):
        await bench.store.commit("r", [], [fact(n=start + n) for n in range(100)])
    events = await bench.store.events("r")
    assert [event.data["n"] for event in events] == list(range(1000))
    assert await journal(bench.store, "r") == 1000


@check("a cancelled commit was half done, and the next one found a head that was not there")
async def cancelled_commit_is_whole(bench: Bench) -> None:
    task = asyncio.ensure_future(bench.store.commit("r", [Change("step", "a", 0, {})], [fact()]))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    record = await bench.store.get("r", "step", "a")
    events = await bench.store.events("r")
    assert len(events) == (1 if record else 0)
    await bench.store.commit("r", [], [fact()])
    assert await journal(bench.store, "r") == len(events) + 1
