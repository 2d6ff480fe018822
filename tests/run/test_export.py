from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from runner.errors import JournalBroken
from runner.run.event import EventDraft
from runner.run.export import Sealed, check, export
from runner.run.stored import Tombstone
from runner.store.memory import MemoryStore

TS = "2026-01-31T12:00:00.000000Z"


async def filled() -> MemoryStore:
    store = MemoryStore()
    await store.open()
    for run, count in (("a", 4), ("b", 1)):
        await store.commit(
            run, [], [EventDraft("step.ready", TS, "s", 1, {"n": n, "t": "\u2028"}) for n in range(count)]
        )
    return store


async def lines(store: MemoryStore, *runs: str) -> list[str]:
    return [line async for line in export(store, runs, TS)]


def nobody(key: str, signature: str, body: bytes) -> str:
    return "" if not key else f"{key} {signature} {len(body)}"


def test_a_file_holds_every_event_and_is_what_was_sealed() -> None:
    made = asyncio.run(_made("a", "b"))
    assert [json.loads(line).get("seq") for line in made] == [1, 2, 3, 4, 1, None]
    assert check(made, nobody) == Sealed({"a": 4, "b": 1}, "")
    assert check(asyncio.run(_made("b")), nobody).runs == {"b": 1}


async def _made(*runs: str) -> list[str]:
    return await lines(await filled(), *runs)


def test_a_signature_is_over_the_seal() -> None:
    async def main() -> list[str]:
        store = await filled()
        return [line async for line in export(store, ["a"], TS, lambda body: ("my key", str(len(body))))]

    made = asyncio.run(main())
    seal = json.loads(made[-1])
    assert (seal["key"], seal["signature"]) == ("my key", check(made, nobody).signer.split()[-1])


def test_after_retention_the_rest_is_exported_and_says_where_it_begins() -> None:
    async def main() -> list[str]:
        store = await filled()
        events = await store.events("a")
        await store.forget(Tombstone("a", "journal", 3, events[2].hash, TS, "older than 1d"))
        await store.forget(Tombstone("b", "journal", 1, (await store.events("b"))[0].hash, TS, "older than 1d"))
        return await lines(store, "a", "b")

    made = asyncio.run(main())
    assert len(made) == 2
    assert check(made, nobody).runs == {"a": 1, "b": 0}


def test_a_broken_journal_is_not_exported() -> None:
    async def main() -> None:
        store = await filled()
        store._events["a"][2] = store._events["a"][2].replace('"n":1', '"n":7')
        with pytest.raises(JournalBroken, match="event 2"):
            await lines(store, "a")

    asyncio.run(main())


def seal_of(made: list[str], **changes: object) -> list[str]:
    return [*made[:-1], json.dumps(json.loads(made[-1]) | changes)]


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (lambda made: made[:-1], "no seal"),
        (lambda made: [], "no seal"),
        (lambda made: [*made, made[0]], "follows the seal"),
        (lambda made: made[1:], "not those that were sealed"),
        (lambda made: [made[0].replace('"n":0', '"n":9'), *made[1:]], "not those that were sealed"),
        (lambda made: ["nonsense", *made], "line 1 is no JSON object"),
        (lambda made: ["[]", *made], "line 1 is no JSON object"),
        (lambda made: ['{"x":1}', *made], "line 1 is no event"),
        (lambda made: seal_of(made, runs=None), "does not name the runs"),
        (lambda made: seal_of(made, runs={"b": {}}), "does not name the runs"),
        (lambda made: seal_of(made, runs={"a": {"after": 0}}), "says nothing of run a"),
        (lambda made: seal_of(made, runs={"a": 1}), "says nothing of run a"),
        (lambda made: seal_of(made, runs={"a": {**ends(made), "events": 5}}), "ends at event 4"),
        (lambda made: seal_of(made, runs={"a": {**ends(made), "before": "1" * 64}}), "does not match its hash"),
    ],
)
def test_what_somebody_changed_is_found(tamper: Callable[[list[str]], list[str]], said: str) -> None:
    with pytest.raises(JournalBroken, match=said) as caught:
        check(tamper(asyncio.run(_made("a"))), nobody)
    assert caught.value.hint


def ends(made: list[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(made[-1])["runs"]["a"]
    return found
