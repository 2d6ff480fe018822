"""What the audit log has not got, what it refused, and what retention leaves of a journal."""

# ruff: noqa: S101, D103 - checks assert, and their wounds are their docs
from __future__ import annotations

from runner.errors import JournalBroken
from runner.run.event import Event, verify
from runner.run.stored import Backlog, DeadLetter, Tombstone
from runner.store.checks.bench import TS, Bench, Check, collector, fact, journal

CHECKS: list[Check] = []
check = collector(CHECKS)


def letters(*events: Event, reason: str = "too long") -> list[DeadLetter]:
    return [DeadLetter(event, reason, TS) for event in events]


@check("one event that the audit log refused for what it is held up all that came after it")
async def rejected_events_leave_the_outbox(bench: Bench) -> None:
    store = bench.store
    sealed = await store.commit("r", [], [fact(n=n) for n in range(4)])
    await store.reject(letters(sealed[1], sealed[3], reason="property 'n' \0 ¬"))
    assert await store.outbox() == [sealed[0], sealed[2]]
    assert await store.dead() == letters(sealed[1], sealed[3], reason="property 'n' \0 ¬")
    assert await store.dead(limit=1) == letters(sealed[1], reason="property 'n' \0 ¬")
    assert await journal(store, "r") == 4


@check("two shippers: an event that one had delivered became a dead letter of the other's")
async def only_what_waits_is_rejected(bench: Bench) -> None:
    store = bench.store
    sealed = await store.commit("r", [], [fact(), fact()])
    await store.delivered(sealed[:1])
    for _ in range(2):
        await store.reject(letters(*sealed))
    assert await store.outbox() == []
    assert await store.dead() == letters(sealed[1])


@check("what was tried again came behind everything that had happened since")
async def revived_events_have_their_old_place(bench: Bench) -> None:
    store = bench.store
    sealed = [event for _ in range(3) for event in await store.commit("r", [], [fact()])]
    await store.reject(letters(*sealed[:2]))
    sealed += await store.commit("q", [], [fact()])
    for _ in range(2):
        await store.revive([sealed[0], sealed[3]])
    assert await store.outbox() == [sealed[0], sealed[2], sealed[3]]
    assert await store.dead() == letters(sealed[1])
    store = await bench.reopen()
    assert await store.outbox() == [sealed[0], sealed[2], sealed[3]]
    assert await store.dead() == letters(sealed[1])


@check("the lag that was shown counted the first page only")
async def backlog_counts_everything(bench: Bench) -> None:
    store = bench.store
    assert await store.backlog() == Backlog(0, None, 0)
    sealed = await store.commit("r", [], [fact(n=n) for n in range(150)])
    assert await store.backlog() == Backlog(150, TS, 0)
    await store.reject(letters(*sealed[:3]))
    await store.delivered(sealed[3:])
    assert await store.backlog() == Backlog(0, None, 3)


@check("an index that asked each run for its end took a second for 1,000 runs")
async def heads_of_all_runs(bench: Bench) -> None:
    store = bench.store
    assert await store.heads() == {}
    for run in ("b", "a", "q\\0\0"):
        await store.commit(run, [], [fact(), fact()])
        await store.commit(run, [], [fact()])
    assert await store.heads() == {run: await store.head(run) for run in ("a", "b", "q\\0\0")}


@check("a journal that retention had cut looked like one that somebody had cut, and like a whole one")
async def forgotten_events_leave_a_tombstone(bench: Bench) -> None:
    store = bench.store
    sealed = await store.commit("r", [], [fact(n=n) for n in range(5)])
    other = await store.commit("ra", [], [fact()])
    await store.reject(letters(sealed[0], sealed[4]))
    assert await store.tombstones() == []
    stone = Tombstone("r", "journal", 3, sealed[2].hash, TS, "older than 90d")
    for _ in range(2):
        await store.forget(stone)
    store = await bench.reopen()
    assert await store.tombstones() == [stone]
    assert await store.events("r") == sealed[3:]
    assert await store.outbox() == [sealed[3], *other]
    assert await store.dead() == letters(sealed[4])
    more = await store.commit("r", [], [fact()])
    assert (more[0].seq, more[0].prev) == (6, sealed[4].hash)
    rest = await store.events("r")
    assert verify(rest, "r", await store.head("r"), (stone.seq, stone.hash)) == 6
    for start in ((0, "0" * 64), (3, sealed[1].hash)):
        try:
            verify(rest, "r", await store.head("r"), start)
        except JournalBroken:
            continue
        raise AssertionError("a journal without its beginning was taken for a whole one")


@check("what retention had taken out of the audit log only was gone from the journal too")
async def forgetting_in_the_audit_log_keeps_the_journal(bench: Bench) -> None:
    store = bench.store
    sealed = await store.commit("r", [], [fact(n=n) for n in range(4)])
    await store.reject(letters(sealed[0], sealed[3]))
    stone = Tombstone("r", "audit", 2, sealed[1].hash, TS, "older than 90d")
    later = Tombstone("r", "audit", 3, sealed[2].hash, TS, "older than 30d")
    other = Tombstone("r", "journal", 1, sealed[0].hash, TS, "older than 900d")
    for each in (other, stone, later):
        await store.forget(each)
    assert await store.tombstones() == [later, other]
    assert await store.events("r") == sealed[1:]
    assert await store.outbox() == []
    assert await store.dead() == letters(sealed[3])
