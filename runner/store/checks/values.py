"""Any JSON value and any key comes back as it was written."""

# ruff: noqa: S101, D103 - checks assert, and their wounds are their docs
from __future__ import annotations

from runner.compiler.canonical import Json, canonical
from runner.run.event import EventDraft
from runner.run.ports import Change
from runner.store.checks.bench import TS, Bench, Check, collector, fact, journal

CHECKS: list[Check] = []
check = collector(CHECKS)


NASTY: dict[str, Json] = {
    "none": None,
    "nested": {"none": None, "list": [None, {}, [], {"": None}]},
    "true": True,
    "one": 1,
    "one_float": 1.0,
    "minus_zero": -0.0,
    "tiny": 5e-324,
    "third": 1 / 3,
    "huge": 2**63,
    "beyond": 2**64 + 1,
    "negative": -(2**70),
    "ns": 1769860800123456789,
    "iso": "2026-01-31T12:00:00.123456789Z",
    "uuid": "0192f0c4-7b6e-7c3a-9d2e-1f2a3b4c5d6e",
    "record": "step:a",
    "nul": "a\0b",
    "control": "\x01\x1f\x7f\u2028",
    "unicode": "é e\u0301 日本 🦀 \U0010ffff",
    "quotes": "\"'`\\⟩⟨ -- # /* */ ; $x {{ }}",
    "empty": "",
    "ключ": {"": {" ": {".": {"$": [0]}}}},
    "id": "mine",
    "rev": 99,
}


@check("None fell out of objects, 2^63 became negative, 1.0 became 1, timestamps lost their nanoseconds")
async def documents_come_back_exactly(bench: Bench) -> None:
    await bench.store.commit("r", [Change("step", "a", 0, NASTY)], [])
    record = await bench.store.get("r", "step", "a")
    assert record is not None
    assert canonical(record.data) == canonical(NASTY)


@check("an event read back differed from the one that was hashed: the chain broke on honest data")
async def events_come_back_exactly(bench: Bench) -> None:
    sealed = await bench.store.commit("r", [], [EventDraft("step.ready", TS, "a", 1, NASTY), fact("run.created", None)])
    read = await bench.store.events("r")
    assert canonical([event.to_json() for event in read]) == canonical([event.to_json() for event in sealed])
    assert read == sealed
    assert (read[1].step, read[1].attempt) == (None, None)
    assert await journal(bench.store, "r") == 2


@check("a NaN was written as null and failed at the next reading")
async def what_json_cannot_hold_is_refused(bench: Bench) -> None:
    for bad in (float("nan"), float("inf"), "\ud800"):
        for changes, facts in (([Change("step", "a", 0, {"x": bad})], []), ([], [fact(x=bad)])):
            try:
                await bench.store.commit("r", changes, facts)
            except ValueError:
                continue
            raise AssertionError(f"{bad!r} was accepted")
    assert await bench.store.get("r", "step", "a") is None
    assert await bench.store.head("r") is None


@check("keys given as text were spliced into the query: one of them deleted a table")
async def keys_are_never_queries(bench: Bench) -> None:
    keys = ["x:1; DELETE run", "step:a", "a` OR true", "⟨x⟩", "1", "01", "$run", "NONE", "[1]", "..", "rand()", "a\\0b"]
    runs = ["r; DELETE step", "run:r", "1", "01", "⟩"]
    for run in runs:
        changes = [Change("run", run, 0, {"id": run}), *(Change("step", key, 0, {"key": key}) for key in keys)]
        await bench.store.commit(run, changes, [fact()])
    for run in runs:
        assert [record.key for record in await bench.store.all(run, "step")] == sorted(keys)
        for key in keys:
            record = await bench.store.get(run, "step", key)
            assert record is not None
            assert record.data == {"key": key}
        assert await journal(bench.store, run) == 1
    assert {record.key for record in await bench.store.runs()} == set(runs)


@check("a matrix leg's key with brackets, commas and quotes was cut at the first one")
async def leg_keys(bench: Bench) -> None:
    keys = ['test[a=1,b="x y"]', "test[a=1]", "test", "test[os=debian 12,py=3.13]", "t[x={'k': [1]}]"]
    await bench.store.commit("r", [Change("step", key, 0, {"leg": key}) for key in keys], [fact(step=keys[0])])
    for key in keys:
        record = await bench.store.get("r", "step", key)
        assert record is not None
        assert record.data["leg"] == key
    assert (await bench.store.events("r"))[0].step == keys[0]


@check("two keys that look alike (é composed and not, a NUL, the empty one) were one record")
async def unicode_keys(bench: Bench) -> None:
    keys = ["é", "e\u0301", "日本[値=🦀]", "a\0b", "a\\0b", "a\\\\0b", "", " ", "a", "A", "x" * 2000]
    await bench.store.commit("r", [Change("artifact", key, 0, {"n": n}) for n, key in enumerate(keys)], [])
    for number, key in enumerate(keys):
        record = await bench.store.get("r", "artifact", key)
        assert record is not None
        assert (record.key, record.data) == (key, {"n": number})
    assert len(await bench.store.all("r", "artifact")) == len(keys)


@check("a step with long outputs ran into a limit of the value size")
async def large_documents(bench: Bench) -> None:
    text = "é" * 500_000
    await bench.store.commit("r", [Change("step", "a", 0, {"outputs": text})], [fact(outputs=text)])
    record = await bench.store.get("r", "step", "a")
    assert record is not None
    assert record.data == {"outputs": text}
    assert await journal(bench.store, "r") == 1


@check("a table for each of the glossary's records, or a milestone could not be kept")
async def every_table(bench: Bench) -> None:
    changes = [
        Change("run", "r", 0, {"t": "run"}),
        Change("step", "k", 0, {"t": "step"}),
        Change("box", "k", 0, {"t": "box"}),
        Change("artifact", "k", 0, {"t": "artifact"}),
        Change("milestone", "k", 0, {"t": "milestone"}),
        Change("attempt", "k", 0, {"t": "attempt"}),
        Change("approval", "k", 0, {"t": "approval"}),
    ]
    await bench.store.commit("r", changes, [])
    for change in changes:
        assert [record.data for record in await bench.store.all("r", change.table)] == [{"t": change.table}]
