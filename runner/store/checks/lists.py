"""Lists of runs and the outbox keep their order; a reopened store has everything."""

# ruff: noqa: S101, D103 - checks assert, and their wounds are their docs
from __future__ import annotations

from runner.compiler.canonical import Json
from runner.run.event import Event
from runner.run.ports import Change
from runner.store.checks.bench import TS, Bench, Check, collector, fact, journal, lost
from runner.store.checks.values import NASTY

CHECKS: list[Check] = []
check = collector(CHECKS)


@check("the run of last year was on top")
async def runs_newest_first(bench: Bench) -> None:
    for run, created in (("b", "2026-01-02"), ("a", "2026-01-03"), ("c", "2025-12-31"), ("d", "2026-01-03")):
        await bench.store.commit(run, [Change("run", run, 0, {"created_at": f"{created}T00:00:00Z"})], [])
    await bench.store.commit("c", [Change("run", "c", 1, {"created_at": "2025-12-31T00:00:00Z", "n": 2})], [])
    assert [record.key for record in await bench.store.runs()] == ["d", "a", "b", "c"]


@check("a list without a limit that held took a minute with 10,000 runs")
async def runs_limited(bench: Bench) -> None:
    for number in range(6):
        data: dict[str, Json] = {"created_at": f"2026-01-0{number + 1}T00:00:00Z"}
        await bench.store.commit(f"r{number}", [Change("run", f"r{number}", 0, data)], [])
    assert [record.key for record in await bench.store.runs(limit=2)] == ["r5", "r4"]
    assert len(await bench.store.runs(limit=100)) == 6


@check("a run without `created_at` disappeared from the list")
async def runs_without_a_date_are_listed(bench: Bench) -> None:
    await bench.store.commit("old", [Change("run", "old", 0, {})], [])
    await bench.store.commit("new", [Change("run", "new", 0, {"created_at": TS})], [])
    assert [record.key for record in await bench.store.runs()] == ["new", "old"]


@check("the audit log got a run's end before its beginning")
async def outbox_oldest_first(bench: Bench) -> None:
    store = bench.store
    order: list[tuple[str, int]] = []
    for run in ("z", "a", "z", "m", "a"):
        sealed = await store.commit(run, [], [fact(), fact()])
        order += [(event.run, event.seq) for event in sealed]
    assert [(event.run, event.seq) for event in await store.outbox()] == order
    assert [(event.run, event.seq) for event in await store.outbox(limit=3)] == order[:3]


@check("an acknowledged batch was delivered for ever")
async def delivered_events_leave_the_outbox(bench: Bench) -> None:
    store = bench.store
    await store.commit("r", [], [fact(n=n) for n in range(5)])
    first = await store.outbox(limit=2)
    await store.delivered(first)
    assert [event.seq for event in await store.outbox()] == [3, 4, 5]
    await store.commit("r", [], [fact()])
    assert [event.seq for event in await store.outbox()] == [3, 4, 5, 6]
    assert await journal(store, "r") == 6


@check("an acknowledgement that came twice failed, and the shipper stopped")
async def delivered_twice_is_fine(bench: Bench) -> None:
    store = bench.store
    sealed = await store.commit("r", [], [fact(), fact()])
    stranger = Event("nobody", 7, TS, "step.ready", None, None, {}, "0" * 64, "0" * 64)
    for batch in (sealed[:1], sealed[:1], [stranger], []):
        await store.delivered(batch)
    assert await store.outbox() == sealed[1:]


@check("what was acknowledged was gone after a restart")
async def reopened_store_has_everything(bench: Bench) -> None:
    store = bench.store
    await store.commit("r", [Change("run", "r", 0, {"created_at": TS}), Change("step", "a", 0, NASTY)], [fact()])
    await store.commit("r", [Change("step", "a", 1, {"n": 2})], [fact(), fact()])
    await store.delivered((await store.outbox())[:1])
    before = (await store.runs(), await store.all("r", "step"), await store.events("r"), await store.head("r"))
    pending = await store.outbox()
    store = await bench.reopen()
    after = (await store.runs(), await store.all("r", "step"), await store.events("r"), await store.head("r"))
    assert after == before
    assert await store.outbox() == pending


@check("a restarted process numbered from 1 again")
async def reopened_store_goes_on(bench: Bench) -> None:
    await bench.store.commit("r", [Change("step", "a", 0, {})], [fact(), fact()])
    store = await bench.reopen()
    await lost(store.commit("r", [Change("step", "a", 0, {})], []))
    sealed = await store.commit("r", [Change("step", "a", 1, {})], [fact()])
    assert [event.seq for event in sealed] == [3]
    assert [event.seq for event in await store.outbox()] == [1, 2, 3]
    assert await journal(store, "r") == 3


@check("closing twice raised, and hid the error that had led there")
async def closing_twice_is_fine(bench: Bench) -> None:
    await bench.store.commit("r", [], [fact()])
    await bench.store.close()
    await bench.store.close()
    store = await bench.reopen()
    await store.open()
    assert await journal(store, "r") == 1
