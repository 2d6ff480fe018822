"""Records move by compare-and-set, all or nothing."""

# ruff: noqa: S101, D103 - checks assert, and their wounds are their docs
from __future__ import annotations

from runner.compiler.canonical import Json
from runner.run.ports import Change
from runner.store.checks.bench import Bench, Check, collector, fact, journal, lost

CHECKS: list[Check] = []
check = collector(CHECKS)


@check("a store that answered an unknown run with an error made `status` unusable before the first run")
async def unknown_run_is_empty(bench: Bench) -> None:
    store = bench.store
    assert await store.get("nobody", "run", "nobody") is None
    assert await store.all("nobody", "step") == []
    assert await store.events("nobody") == []
    assert await store.head("nobody") is None
    assert await store.runs() == []
    assert await store.outbox() == []


@check("a missing record selects as an empty list, which an `is None` test takes for a record")
async def unknown_record_is_none(bench: Bench) -> None:
    await bench.store.commit("r", [Change("step", "a", 0, {})], [])
    assert await bench.store.get("r", "step", "b") is None
    assert await bench.store.get("r", "box", "a") is None
    assert await bench.store.get("q", "step", "a") is None


@check("a record was created without its revision, and the first update overwrote it unseen")
async def create_gives_revision_one(bench: Bench) -> None:
    await bench.store.commit("r", [Change("step", "a", 0, {"state": "ready"})], [])
    record = await bench.store.get("r", "step", "a")
    assert record is not None
    assert (record.key, record.rev, record.data) == ("a", 1, {"state": "ready"})


@check("an update that merged into the old document kept fields that were meant to go")
async def update_replaces_the_document(bench: Bench) -> None:
    await bench.store.commit("r", [Change("step", "a", 0, {"old": 1, "both": {"x": 1}})], [])
    await bench.store.commit("r", [Change("step", "a", 1, {"both": {"y": 2}})], [])
    record = await bench.store.get("r", "step", "a")
    assert record is not None
    assert (record.rev, record.data) == (2, {"both": {"y": 2}})


@check("two processes created the same run, and one of them ran on a record of the other")
async def create_of_existing_loses(bench: Bench) -> None:
    await bench.store.commit("r", [Change("run", "r", 0, {"n": 1})], [])
    await lost(bench.store.commit("r", [Change("run", "r", 0, {"n": 2})], []))
    record = await bench.store.get("r", "run", "r")
    assert record is not None
    assert record.data == {"n": 1}


@check("a process that another one had relieved went on writing the same run")
async def a_look_guards_the_commit(bench: Bench) -> None:
    store = bench.store
    await store.commit("r", [Change("run", "r", 0, {"owner": 1})], [])
    look = Change("run", "r", 1, None)
    await store.commit("r", [look, Change("step", "a", 0, {"n": 1})], [fact()])
    await store.commit("r", [Change("run", "r", 1, {"owner": 2})], [])
    await lost(store.commit("r", [look, Change("step", "a", 1, {"n": 2})], [fact()]))
    await lost(store.commit("r", [Change("run", "r", 0, None)], [fact()]))
    record, run = await store.get("r", "step", "a"), await store.get("r", "run", "r")
    assert record is not None
    assert run is not None
    assert (record.rev, record.data, run.rev, run.data) == (1, {"n": 1}, 2, {"owner": 2})
    assert len(await store.events("r")) == 1


@check("a look at a record that is not there made one")
async def a_look_makes_nothing(bench: Bench) -> None:
    await bench.store.commit("r", [Change("step", "a", 0, None)], [fact()])
    assert await bench.store.get("r", "step", "a") is None


@check("an update of a record that is not there made one")
async def update_of_missing_loses(bench: Bench) -> None:
    await lost(bench.store.commit("r", [Change("step", "a", 1, {})], []))
    assert await bench.store.get("r", "step", "a") is None


@check("the loser of a race overwrote the winner's state")
async def stale_revision_loses(bench: Bench) -> None:
    await bench.store.commit("r", [Change("step", "a", 0, {"n": 1})], [])
    await bench.store.commit("r", [Change("step", "a", 1, {"n": 2})], [])
    for rev in (0, 1, 3):
        await lost(bench.store.commit("r", [Change("step", "a", rev, {"n": 9})], []))
    record = await bench.store.get("r", "step", "a")
    assert record is not None
    assert (record.rev, record.data) == (2, {"n": 2})


@check("a conflict message that named no record sent people hunting through all of them")
async def conflict_names_the_record(bench: Bench) -> None:
    await bench.store.commit("run-7", [Change("step", "build", 0, {})], [])
    error = await lost(bench.store.commit("run-7", [Change("step", "ok", 0, {}), Change("step", "build", 4, {})], []))
    assert "build" in error.message
    assert "run-7" in error.message


@check("the first statement of a failed transaction stayed, and the run had half a transition")
async def loser_writes_nothing(bench: Bench) -> None:
    store = bench.store
    await store.commit("r", [Change("step", "a", 0, {"n": 1})], [fact()])
    head = await store.head("r")
    changes = [Change("step", "new", 0, {}), Change("step", "a", 5, {"n": 2}), Change("box", "b", 0, {})]
    await lost(store.commit("r", changes, [fact(), fact()]))
    assert await store.get("r", "step", "new") is None
    assert await store.get("r", "box", "b") is None
    assert len(await store.events("r")) == 1
    assert await store.head("r") == head
    assert len(await store.outbox()) == 1
    assert [event.seq for event in await store.commit("r", [], [fact()])] == [2]
    assert await journal(store, "r") == 2


@check("records came without their event: the journal could not explain the state")
async def records_events_and_outbox_together(bench: Bench) -> None:
    store = bench.store
    sealed = await store.commit("r", [Change("run", "r", 0, {}), Change("step", "a", 0, {})], [fact(), fact()])
    assert await store.events("r") == sealed
    assert await store.outbox() == sealed
    assert await store.head("r") == (2, sealed[-1].hash)
    assert len(await store.all("r", "step")) == 1


@check("a heartbeat without an event moved the head and broke the chain")
async def commit_without_events_keeps_the_head(bench: Bench) -> None:
    store = bench.store
    sealed = await store.commit("r", [Change("step", "a", 0, {})], [fact()])
    assert await store.commit("r", [Change("step", "a", 1, {})], []) == []
    assert await store.head("r") == (1, sealed[0].hash)


@check("an empty commit failed on an empty list of rows")
async def commit_of_nothing_is_nothing(bench: Bench) -> None:
    assert await bench.store.commit("r", [], []) == []
    assert await bench.store.head("r") is None


@check("one transaction may move a record twice when transitions are batched")
async def one_commit_moves_a_record_twice(bench: Bench) -> None:
    await bench.store.commit("r", [Change("step", "a", 0, {"n": 1}), Change("step", "a", 1, {"n": 2})], [])
    record = await bench.store.get("r", "step", "a")
    assert record is not None
    assert (record.rev, record.data) == (2, {"n": 2})


@check("a store that kept the caller's dict changed when the caller did")
async def documents_are_not_shared(bench: Bench) -> None:
    data: dict[str, Json] = {"list": [1]}
    draft = fact(list=[1])
    await bench.store.commit("r", [Change("step", "a", 0, data)], [draft])
    data["list"] = [1, 2]
    draft.data["list"] = "changed"
    record = await bench.store.get("r", "step", "a")
    assert record is not None
    assert record.data == {"list": [1]}
    record.data["list"] = "mine"
    again = await bench.store.get("r", "step", "a")
    assert again is not None
    assert again.data == {"list": [1]}
    assert await journal(bench.store, "r") == 1


@check("the same box id in two runs was one record")
async def two_runs_are_independent(bench: Bench) -> None:
    store = bench.store
    for run in ("r1", "r2", "r", "r11"):
        await store.commit(run, [Change("run", run, 0, {"id": run}), Change("step", "a", 0, {"of": run})], [fact()])
    await store.commit("r1", [Change("step", "b", 0, {"of": "r1"})], [fact()])
    for run, count in (("r1", 2), ("r2", 1), ("r", 1), ("r11", 1)):
        steps = await store.all(run, "step")
        assert len(steps) == count
        assert all(record.data == {"of": run} for record in steps)
        assert await journal(store, run) == count


@check("a commit to one run wrote another one's document")
async def run_document_must_be_its_own(bench: Bench) -> None:
    try:
        await bench.store.commit("r1", [Change("run", "r2", 0, {})], [])
    except ValueError:
        assert await bench.store.get("r2", "run", "r2") is None
        return
    raise AssertionError("a commit to r1 created r2")


@check("tables printed in the order of insertion changed from process to process")
async def records_come_sorted_by_key(bench: Bench) -> None:
    keys = ["b", "a[n=10]", "a[n=2]", "a", "Z", "é"]
    await bench.store.commit("r", [Change("step", key, 0, {}) for key in keys], [])
    assert [record.key for record in await bench.store.all("r", "step")] == sorted(keys)


@check("`all` of the table of runs gave every run")
async def all_of_run_is_the_run(bench: Bench) -> None:
    for run in ("r1", "r2"):
        await bench.store.commit(run, [Change("run", run, 0, {"id": run})], [])
    assert [record.key for record in await bench.store.all("r1", "run")] == ["r1"]
