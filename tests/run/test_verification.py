from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from runner.run.audit_port import AuditHit, AuditQuery, Copy, Delivery
from runner.run.event import Event, EventDraft, hash_of
from runner.run.stored import DeadLetter, Tombstone
from runner.run.verification import Verdict, Verification
from runner.store.memory import MemoryStore

TS = "2026-01-31T12:00:00.000000Z"


class Log:
    """An audit log that a test may tamper with."""

    name = "the log"

    def __init__(self) -> None:
        self.held: dict[tuple[str, int], Event] = {}
        self.problems: dict[tuple[str, int], str] = {}

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def deliver(self, events: Sequence[Event], anew: bool = False) -> Delivery:
        self.held |= {(event.run, event.seq): event for event in events}
        return Delivery(tuple(events))

    async def search(self, query: AuditQuery) -> list[AuditHit]:
        raise NotImplementedError

    async def copies(self, run: str) -> list[Copy]:
        return [
            Copy(seq, hash_of(event), self.problems.get((name, seq), ""))
            for (name, seq), event in sorted(self.held.items())
            if name == run
        ]

    async def counts(self) -> dict[str, int]:
        return {run: len(await self.copies(run)) for run, _ in self.held}

    async def forget(self, run: str, seq: int) -> None:
        raise NotImplementedError


class Lab:
    """A store with a run of eight events, all of them delivered."""

    async def begin(self) -> Lab:
        self.store, self.log = MemoryStore(), Log()
        await self.store.open()
        drafts = [EventDraft("step.ready", TS, "a", 1, {"n": number}) for number in range(8)]
        self.events = await self.store.commit("r", [], drafts)
        await self.log.deliver(self.events)
        await self.store.delivered(self.events)
        return self

    async def verdict(self, log: Log | None = None) -> Verdict:
        verification = Verification(self.store, log or self.log)
        await verification.begin()
        return await verification.of("r")


def test_equal_is_said_with_the_number_of_copies() -> None:
    async def main() -> None:
        verdict = await (await Lab().begin()).verdict()
        assert (verdict.ok, verdict.events, verdict.error) == (True, 8, "")
        assert verdict.audit is not None
        assert (verdict.audit.copies, verdict.audit.waiting, verdict.audit.told()) == (8, 0, "")

    asyncio.run(main())


def test_what_is_missing_put_in_or_altered_is_named() -> None:
    async def main() -> None:
        lab = await Lab().begin()
        for seq in (1, 2, 3, 4, 5, 7):
            del lab.log.held["r", seq]
        lab.log.held["r", 6] = replace(lab.events[5], data={"n": "forged"})
        lab.log.problems["r", 8] = "its fields contradict its event: severity"
        lab.log.held["r", 9] = replace(lab.events[0], seq=9)
        verdict = await lab.verdict()
        assert not verdict.ok
        assert verdict.error == (
            "run r: the log differs from the journal; missing: event 1, 2, 3, 4, 5 and 1 more; "
            "not in the journal: event 9; "
            "altered: event 6 (its hash is another), 8 (its fields contradict its event: severity)"
        )
        assert "runner audit ship --again r" in verdict.hint
        assert "put in by somebody else" in verdict.hint
        del lab.log.held["r", 9]
        assert "somebody else" not in (await lab.verdict()).hint

    asyncio.run(main())


def test_what_waits_or_was_refused_is_no_difference() -> None:
    async def main() -> None:
        lab = await Lab().begin()
        more = await lab.store.commit("r", [], [EventDraft("step.ready", TS), EventDraft("step.ready", TS)])
        await lab.store.reject([DeadLetter(more[0], "too odd", TS)])
        verdict = await lab.verdict()
        assert verdict.ok
        assert verdict.audit is not None
        assert verdict.audit.waiting == 2

    asyncio.run(main())


def test_a_broken_journal_is_not_compared() -> None:
    async def main() -> None:
        lab = await Lab().begin()
        lab.store._events["r"][3] = lab.store._events["r"][3].replace('"n":2', '"n":3')
        verdict = await lab.verdict()
        assert (verdict.ok, verdict.audit) == (False, None)
        assert "event 3" in verdict.error

    asyncio.run(main())


def test_an_event_that_is_gone_while_it_waits_is_a_broken_journal_too() -> None:
    async def main() -> None:
        lab = await Lab().begin()
        await lab.store.commit("r", [], [EventDraft("step.ready", TS)])
        del lab.store._events["r"][9]
        assert "the journal ends at event 8" in (await lab.verdict()).error

    asyncio.run(main())


def test_without_an_audit_log_the_journal_is_judged_alone() -> None:
    async def main() -> None:
        lab = await Lab().begin()
        verification = Verification(lab.store, None)
        await verification.begin()
        verdict = await verification.of("r")
        assert (verdict.ok, verdict.events, verdict.audit) == (True, 8, None)
        del lab.store._heads["r"]
        verdict = await verification.of("r")
        assert not verdict.ok
        assert "the head of its journal is missing (events found: 8)" in verdict.error

    asyncio.run(main())


def test_retention_in_the_audit_log_only() -> None:
    async def main() -> None:
        lab = await Lab().begin()
        await lab.store.forget(Tombstone("r", "audit", 5, lab.events[4].hash, TS, "older than 90d"))
        assert (await lab.verdict()).ok  # what it still has is right
        for seq in range(1, 6):
            del lab.log.held["r", seq]
        assert (await lab.verdict()).ok
        del lab.log.held["r", 6]
        assert "missing: event 6" in (await lab.verdict()).error

    asyncio.run(main())


def test_retention_in_the_journal_only() -> None:
    async def main() -> None:
        lab = await Lab().begin()
        await lab.store.forget(Tombstone("r", "journal", 5, lab.events[4].hash, TS, "older than 90d"))
        verdict = await lab.verdict()
        assert (verdict.ok, verdict.events, verdict.removed) == (True, 8, 5)
        lab.log.held["r", 5] = replace(lab.events[4], data={"n": "forged"})
        assert "altered: event 5 (its hash is another)" in (await lab.verdict()).error
        assert (await Verification(lab.store, None).of("r")).error.startswith("run r: event 1 is missing")

    asyncio.run(main())


def test_runs_that_only_the_audit_log_knows() -> None:
    async def main() -> None:
        lab = await Lab().begin()
        await lab.log.deliver([replace(lab.events[0], run="x"), replace(lab.events[0], run="y")])
        await lab.log.deliver([replace(lab.events[1], run="y")])
        verdicts = await Verification(lab.store, lab.log).strangers()
        assert [verdict.error for verdict in verdicts] == [
            "run x: the log has 1 event of it, the journal none",
            "run y: the log has 2 events of it, the journal none",
        ]
        assert await Verification(lab.store, None).strangers() == []

    asyncio.run(main())
