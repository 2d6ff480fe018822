"""The state store in memory: for tests, `runner test` and dry runs. Gone when the process ends.

It passes the same conformance suite as SurrealDB, to the letter: compare-and-set, all or nothing, gapless journal.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Literal

from runner.errors import JournalBroken, StoreConflict, StoreError
from runner.run.event import GENESIS, Event, EventDraft
from runner.run.ports import Change, Record
from runner.run.stored import Backlog, DeadLetter, Edge, Lease, Lineage, Tombstone
from runner.store.codec import Head, check_changes, conflict, decode, decode_event, encode_event, seal_all
from runner.store.edges import edges_of, walk

_Key = tuple[str, str, str]  # table, run, key
_Place = tuple[str, int]  # run, seq


class MemoryStore:
    """A StateStore without a disk. Closing keeps the contents, so a test may open it again as if it were a disk."""

    def __init__(self) -> None:
        self._open = False
        self._records: dict[_Key, tuple[int, str]] = {}
        self._events: dict[str, dict[int, str]] = {}
        self._edges: dict[str, set[Edge]] = {}
        self._heads: dict[str, Head] = {}
        self._outbox: dict[_Place, int] = {}  # with the time of entry, which only grows
        self._dead: dict[_Place, tuple[int, str, str]] = {}  # with the reason and its moment
        self._tombstones: dict[tuple[str, str], Tombstone] = {}
        self._entered = 0
        self._leases: dict[str, tuple[str, float]] = {}  # with the moment at which it runs out

    @property
    def shared(self) -> bool:
        """See StateStore.shared: nobody else comes here."""
        return False

    async def open(self) -> None:
        """Make it usable."""
        self._open = True

    async def close(self) -> None:
        """Refuse all further calls until it is opened again."""
        self._open = False

    async def commit(self, run: str, changes: Sequence[Change], events: Sequence[EventDraft]) -> list[Event]:
        """See StateStore.commit. There is no await inside: two commits can never mix."""
        self._check_open()
        texts = check_changes(run, changes)
        sealed = seal_all(run, self._heads.get(run, (0, GENESIS)), events)
        moved: dict[_Key, tuple[int, str]] = {}
        for change, text in zip(changes, texts, strict=True):
            key = _record(run, change.table, change.key)
            if change.table == "workflow" and key in self._records:
                continue
            found = moved.get(key, self._records.get(key, (0, "")))[0]
            if found != change.rev:
                raise StoreConflict(conflict(run, change, found))
            if text is not None:
                moved[key] = (change.rev + 1, text)
        self._records.update(moved)
        self._edges.setdefault(run, set()).update(edges_of(run, changes))
        for event in sealed:
            self._events.setdefault(run, {})[event.seq] = encode_event(event)
            self._entered += 1
            self._outbox[run, event.seq] = self._entered
            self._heads[run] = (event.seq, event.hash)
        return sealed

    async def get(self, run: str, table: str, key: str) -> Record | None:
        """The record, None when there is none."""
        self._check_open()
        found = self._records.get(_record(run, table, key))
        return None if found is None else Record(key, found[0], decode(found[1]))

    async def all(self, run: str, table: str) -> list[Record]:
        """All records of a table that belong to the run, sorted by key."""
        self._check_open()
        return [
            Record(key, rev, decode(text))
            for (where, owner, key), (rev, text) in sorted(self._records.items())
            if where == table and owner == run
        ]

    async def runs(self, limit: int = 50, states: Collection[str] = ()) -> list[Record]:
        """The newest runs first, by `created_at`, then by id."""
        found = self._newest("run", "created_at")
        return [each for each in found if not states or each.data.get("state") in states][:limit]

    async def workflows(self, limit: int = 50) -> list[Record]:
        """The versions of workflows that were seen last first, by `first_seen`, then by key."""
        return self._newest("workflow", "first_seen")[:limit]

    def _newest(self, table: str, moment: str) -> list[Record]:
        self._check_open()
        found = [
            Record(key, rev, decode(text)) for (where, _, key), (rev, text) in self._records.items() if where == table
        ]
        return sorted(found, key=lambda record: (str(record.data.get(moment) or ""), record.key), reverse=True)

    async def edges(self, run: str) -> list[Edge]:
        """All edges of a run, sorted."""
        self._check_open()
        return sorted(self._edges.get(run, ()))

    async def lineage(self, run: str, table: Literal["step", "artifact"], key: str) -> Lineage:
        """See StateStore.lineage."""
        self._check_open()
        return walk(self._edges.get(run, ()), (table, key))

    async def events(self, run: str, after: int = 0, limit: int | None = None) -> list[Event]:
        """Events with seq > after, in order."""
        self._check_open()
        texts = [text for seq, text in self._events.get(run, {}).items() if seq > after]
        return [decode_event(text) for text in texts[:limit]]

    async def head(self, run: str) -> tuple[int, str] | None:
        """(seq, hash) of the newest event, None for a run without events."""
        self._check_open()
        return self._heads.get(run)

    async def outbox(self, limit: int = 100) -> list[Event]:
        """Events not yet delivered, oldest first."""
        self._check_open()
        return [self._event(place) for place in islice(self._outbox, limit)]

    async def delivered(self, events: Sequence[Event]) -> None:
        """Drop these events' outbox rows; unknown ones are ignored."""
        self._check_open()
        for event in events:
            self._outbox.pop((event.run, event.seq), None)

    async def heads(self) -> dict[str, tuple[int, str]]:
        """`head` of every run that has ever had an event, by run."""
        self._check_open()
        return dict(self._heads)

    async def reject(self, letters: Sequence[DeadLetter]) -> None:
        """See StateStore.reject."""
        self._check_open()
        for letter in letters:
            place = (letter.event.run, letter.event.seq)
            entered = self._outbox.pop(place, None)
            if entered is not None:
                self._dead[place] = (entered, letter.reason, letter.since)

    async def dead(self, limit: int = 100) -> list[DeadLetter]:
        """Dead letters, the oldest events first."""
        self._check_open()
        found = sorted(self._dead.items(), key=lambda item: item[1][0])[:limit]
        return [DeadLetter(self._event(place), reason, since) for place, (_, reason, since) in found]

    async def revive(self, events: Sequence[Event]) -> None:
        """See StateStore.revive."""
        self._check_open()
        for event in events:
            letter = self._dead.pop((event.run, event.seq), None)
            if letter is not None:
                self._outbox[event.run, event.seq] = letter[0]
        self._outbox = dict(sorted(self._outbox.items(), key=lambda item: item[1]))

    async def backlog(self) -> Backlog:
        """How much of the journal the audit log has not got."""
        first = await self.outbox(limit=1)
        return Backlog(len(self._outbox), first[0].ts if first else None, len(self._dead))

    async def forget(self, tombstone: Tombstone) -> None:
        """See StateStore.forget."""
        self._check_open()
        run = tombstone.run
        self._tombstones[run, tombstone.place] = tombstone
        for seq in range(1, tombstone.seq + 1):
            if tombstone.place == "journal":
                self._events.get(run, {}).pop(seq, None)
            self._outbox.pop((run, seq), None)
            self._dead.pop((run, seq), None)

    async def tombstones(self) -> list[Tombstone]:
        """What retention has left, sorted by run and place."""
        self._check_open()
        return [self._tombstones[key] for key in sorted(self._tombstones)]

    async def claim(self, run: str, holder: str, seconds: float, before: str = "") -> bool:
        """See StateStore.claim."""
        self._check_open()
        owner, end = self._leases.get(run, (holder, 0.0))
        if owner not in (holder, before) and end > time.monotonic():
            return False
        self._leases[run] = (holder, time.monotonic() + seconds)
        return True

    async def renew(self, run: str, holder: str, seconds: float) -> bool:
        """See StateStore.renew."""
        self._check_open()
        if self._leases.get(run, ("", 0.0))[0] != holder:
            return False
        self._leases[run] = (holder, time.monotonic() + seconds)
        return True

    async def release(self, run: str, holder: str) -> None:
        """Give the lease back, if it is the holder's."""
        self._check_open()
        if self._leases.get(run, ("", 0.0))[0] == holder:
            del self._leases[run]

    async def leases(self) -> dict[str, Lease]:
        """All leases by run."""
        self._check_open()
        return {run: Lease(holder, end - time.monotonic()) for run, (holder, end) in self._leases.items()}

    def _event(self, place: _Place) -> Event:
        run, seq = place
        if seq not in self._events.get(run, {}):
            raise JournalBroken(f"run {run}: event {seq} is in the outbox and not in the journal")
        return decode_event(self._events[run][seq])

    def _check_open(self) -> None:
        if not self._open:
            raise StoreError("the state store is not open")


def _record(run: str, table: str, key: str) -> _Key:
    """Versions of workflows belong to no run."""
    return (table, "" if table == "workflow" else run, key)
