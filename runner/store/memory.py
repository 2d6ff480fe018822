"""The state store in memory: for tests, `runner test` and dry runs. Gone when the process ends.

It passes the same conformance suite as SurrealDB, to the letter: compare-and-set, all or nothing, gapless journal.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner.errors import StoreConflict, StoreError
from runner.run.event import GENESIS, Event, EventDraft
from runner.run.ports import Change, Record
from runner.store.codec import Head, check_changes, conflict, decode, decode_event, encode_event, seal_all

_Key = tuple[str, str, str]  # table, run, key


class MemoryStore:
    """A StateStore without a disk. Closing keeps the contents, so a test may open it again as if it were a disk."""

    def __init__(self) -> None:
        self._open = False
        self._records: dict[_Key, tuple[int, str]] = {}
        self._events: dict[str, list[str]] = {}
        self._heads: dict[str, Head] = {}
        self._outbox: dict[tuple[str, int], None] = {}

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
            key = (change.table, run, change.key)
            found = moved.get(key, self._records.get(key, (0, "")))[0]
            if found != change.rev:
                raise StoreConflict(conflict(run, change, found))
            moved[key] = (change.rev + 1, text)
        self._records.update(moved)
        for event in sealed:
            self._events.setdefault(run, []).append(encode_event(event))
            self._outbox[run, event.seq] = None
            self._heads[run] = (event.seq, event.hash)
        return sealed

    async def get(self, run: str, table: str, key: str) -> Record | None:
        """The record, None when there is none."""
        self._check_open()
        found = self._records.get((table, run, key))
        return None if found is None else Record(key, found[0], decode(found[1]))

    async def all(self, run: str, table: str) -> list[Record]:
        """All records of a table that belong to the run, sorted by key."""
        self._check_open()
        return [
            Record(key, rev, decode(text))
            for (where, owner, key), (rev, text) in sorted(self._records.items())
            if where == table and owner == run
        ]

    async def runs(self, limit: int = 50) -> list[Record]:
        """The newest runs first, by `created_at`, then by id."""
        self._check_open()
        found = [
            Record(key, rev, decode(text)) for (table, _, key), (rev, text) in self._records.items() if table == "run"
        ]
        found.sort(key=lambda record: (str(record.data.get("created_at") or ""), record.key), reverse=True)
        return found[:limit]

    async def events(self, run: str, after: int = 0, limit: int | None = None) -> list[Event]:
        """Events with seq > after, in order."""
        self._check_open()
        texts = self._events.get(run, [])[max(after, 0) :]
        return [decode_event(text) for text in texts[:limit]]

    async def head(self, run: str) -> tuple[int, str] | None:
        """(seq, hash) of the newest event, None for a run without events."""
        self._check_open()
        return self._heads.get(run)

    async def outbox(self, limit: int = 100) -> list[Event]:
        """Events not yet delivered, oldest first."""
        self._check_open()
        return [decode_event(self._events[run][seq - 1]) for run, seq in list(self._outbox)[:limit]]

    async def delivered(self, events: Sequence[Event]) -> None:
        """Drop these events' outbox rows; unknown ones are ignored."""
        self._check_open()
        for event in events:
            self._outbox.pop((event.run, event.seq), None)

    def _check_open(self) -> None:
        if not self._open:
            raise StoreError("the state store is not open")
