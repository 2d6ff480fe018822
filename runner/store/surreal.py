"""The state store in SurrealDB: embedded in the one process that holds the folder, or on a server.

Its queries are the same in every home (`home.py`, `server.py`), and are asked in one thread of the store's own: it puts
concurrent commits in order, so that sealing, writing and remembering the head are one job.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, TypeVar

from runner.errors import StoreConflict, StoreError, StoreUnanswered
from runner.run.event import GENESIS, Event, EventDraft
from runner.run.ports import Change, Record
from runner.run.stored import Backlog, DeadLetter, Edge, Lease, Lineage, Tombstone
from runner.store.answers import Again, Refused
from runner.store.codec import Head, check_changes, conflict, decode, encode, encode_event, seal_all
from runner.store.edges import edges_of, walk
from runner.store.either import EitherHome
from runner.store.graph import edges_in, relation
from runner.store.home import FolderHome, Home
from runner.store.rows import content, count, event_of, key_text, linked, record, unkeyed
from runner.store.server import Address, ServerHome, Waits
from runner.store.surreal_sdk import rid

T = TypeVar("T")

_TIMEOUT = 30.0
#: Seconds that opening may take: a large state of an older version is brought up then.
_OPENING = 600.0
#: Seconds for which a write that meets other writers is tried again, and between two tries at first and at most.
_RACING = 15.0
_PAUSE, _LONGEST = 0.002, 0.05
_MOST = 2**31 - 1  # what a LIMIT may be
_TABLES = frozenset({"run", "step", "box", "artifact", "milestone", "attempt", "approval"})


class SurrealStore:
    """A StateStore in the folder `path`, or by `at` on a server.

    With `read_only`, commits are refused, and a folder can be read while another process holds it. `timeout` is in
    seconds and holds for each call. A commit whose caller is cancelled is finished before the cancellation goes on; it
    is then written all the same.
    """

    def __init__(self, path: Path, *, read_only: bool = False, timeout: float = _TIMEOUT) -> None:
        self._begin(FolderHome(path.absolute(), read_only=read_only), read_only, timeout)

    @classmethod
    def at(
        cls, find: Callable[[], Address | None], *, read_only: bool = False, waits: Waits | None = None
    ) -> SurrealStore:
        """A store on the server whose address `find` gives, now and after each loss of the connection."""
        waits, store = waits or Waits(), cls.__new__(cls)
        store._begin(ServerHome(find, waits=waits), read_only, waits.whole)
        return store

    @classmethod
    def behind(cls, path: Path, find: Callable[[], Address | None], *, read_only: bool = False) -> SurrealStore:
        """A store in the folder `path`, or behind its gateway, whose address `find` gives as long as one serves."""
        waits, store = Waits(), cls.__new__(cls)
        # The longer of both times: which of them it is to be shows when it is opened.
        store._begin(EitherHome(path.absolute(), find, read_only=read_only, waits=waits), read_only, waits.whole)
        return store

    def _begin(self, home: Home, read_only: bool, timeout: float) -> None:
        self._home = home
        self._read_only = read_only
        self._timeout = timeout
        self._thread: ThreadPoolExecutor | None = None
        self._heads: dict[str, Head] = {}
        self._last_at = 0

    @property
    def shared(self) -> bool:
        """See StateStore.shared."""
        return self._home.shared

    # ------------------------------------------------------------ life

    async def open(self) -> None:
        """See StateStore.open. Opening an open store does nothing."""
        if self._thread is not None:
            return
        self._thread = ThreadPoolExecutor(1, "runner-state")
        try:
            await self._call(self._home.open, within=max(self._timeout, _OPENING))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Drop the handle, then the lock. Closing a closed store does nothing."""
        if self._thread is None:
            return
        thread = self._thread
        self._heads.clear()
        try:
            await self._call(self._home.close)
        finally:
            self._thread = None
            thread.shutdown(wait=False)

    async def _call(self, job: Callable[..., T], *args: object, within: float | None = None) -> T:
        if self._thread is None:
            raise StoreError("the state store is not open")
        future = asyncio.wrap_future(self._thread.submit(job, *args))
        future.add_done_callback(_seen)
        within = within or self._timeout
        try:
            done, _ = await asyncio.wait({future}, timeout=within)
        except asyncio.CancelledError:
            await asyncio.wait({future}, timeout=self._timeout)
            raise
        if not done:
            raise StoreError(f"the state store in {self._home.where} did not answer within {within:g} s")
        return future.result()

    def _ask(self, name: str, **values: object) -> list[Any]:
        return self._home.ask(name, values)

    # ------------------------------------------------------------ writing

    async def commit(self, run: str, changes: Sequence[Change], events: Sequence[EventDraft]) -> list[Event]:
        """See StateStore.commit."""
        if self._read_only:
            raise StoreError("the state store was opened for reading only")
        return await self._call(self._commit, run, list(changes), list(events))

    def _commit(self, run: str, changes: list[Change], drafts: list[EventDraft]) -> list[Event]:
        texts = check_changes(run, changes)
        if not changes and not drafts:
            return []
        number = secrets.randbits(62)
        lost: list[list[Event]] = []  # attempts whose answer never came
        for attempt in _tries():
            head = self._heads.get(run) or self._read_head(run) or (0, GENESIS)
            sealed = seal_all(run, head, drafts)
            try:
                self._ask("commit", **self._values(run, changes, texts, head, sealed, number))
            except (Again, Refused, StoreError) as error:
                self._heads.pop(run, None)
                if isinstance(error, Again) and error.head is not None:
                    self._heads[run] = error.head
                if isinstance(error, StoreUnanswered):
                    lost.append(sealed)
                written = next((each for each in lost if self._is_written(run, changes, each, number)), None)
                if written is None:
                    self._raise_unless_again(run, changes, error)
                    _pause(attempt)
                    continue
                sealed = written
            if sealed:
                self._heads[run] = (sealed[-1].seq, sealed[-1].hash)
            return sealed
        raise StoreConflict(f"run {run}: for {_RACING:g} s every write met other writers", "Try again.")

    def _raise_unless_again(self, run: str, changes: list[Change], error: Exception) -> None:
        """What an attempt that was not written means: nothing, when it may be made again."""
        if isinstance(error, Refused):
            _, place, found = str(error).split(":")[1:4]
            raise StoreConflict(conflict(run, changes[int(place)], int(found))) from None
        if not isinstance(error, (Again, StoreUnanswered)):
            self._heads.clear()  # what is on the disk now has to be read again
            raise error

    def _is_written(self, run: str, changes: list[Change], sealed: list[Event], number: int) -> bool:
        """Whether the commit of this number was written although its answer was lost.

        An attempt that comes late cannot be written any more once another has: each expects the head and the
        revisions that it was made with. Raises StoreError when that cannot be known.
        """
        if sealed:
            rows = self._ask("written", id=rid("event", [run, sealed[0].seq]))[0]
            return bool(rows) and rows[0].get("txn") == number
        for change in changes:
            if change.data is None or change.table == "workflow":
                continue
            rows = self._ask("written", id=_record_id(run, change.table, change.key))[0]
            if rows and rows[0].get("txn") != number and rows[0]["rev"] > change.rev:
                raise StoreError(
                    f"run {run}: nobody can tell whether {change.table} {change.key!r} was written: "
                    "the answer was lost, and somebody else has moved it since",
                    f"runner status {run}",
                )
            return bool(rows) and rows[0].get("txn") == number
        return False  # it only looked

    def _values(
        self, run: str, changes: list[Change], texts: list[str | None], head: Head, events: list[Event], number: int
    ) -> dict[str, object]:
        # Time of entry into the outbox, never the same twice: the order of delivery over all runs.
        first = max(time.time_ns(), self._last_at + 1)
        self._last_at = first + len(events)
        moved = {"id": rid("head", run), "old_seq": head[0], "old_hash": head[1]}
        marks = {"begin": rid("meta", "begin"), "end": rid("meta", "end")} if self._home.marks else {}
        rows = [
            {
                "id": _record_id(run, change.table, change.key),
                "rev": change.rev,
                "place": place,
                "content": content(run, change, text, number),
            }
            for place, (change, text) in enumerate(zip(changes, texts, strict=True))
        ]
        versions = [change.table == "workflow" for change in changes]
        return {
            "txn": {**marks, "number": number},
            "head": {**moved, "seq": events[-1].seq, "hash": events[-1].hash} if events else None,
            "changes": [row for row, is_version in zip(rows, versions, strict=True) if not is_version],
            "versions": [_made(row) for row, is_version in zip(rows, versions, strict=True) if is_version],
            "edges": [relation(run, edge) for edge in edges_of(run, changes)],
            "events": [
                {
                    "id": rid("event", [run, event.seq]),
                    "type": key_text(event.type),
                    "step": key_text(event.step or ""),
                    "ts": key_text(event.ts),
                    "body": encode_event(event),
                    "txn": number,
                }
                for event in events
            ],
            "outbox": [
                {"id": rid("outbox", [run, event.seq]), "at": first + place, "event": rid("event", [run, event.seq])}
                for place, event in enumerate(events)
            ],
        }

    async def delivered(self, events: Sequence[Event]) -> None:
        """Drop these events' outbox rows; unknown ones are ignored."""
        await self._write("delivered", ids=[rid("outbox", [event.run, event.seq]) for event in events])

    async def reject(self, letters: Sequence[DeadLetter]) -> None:
        """See StateStore.reject."""
        rows = [
            {**_places(letter.event), "reason": key_text(letter.reason), "since": letter.since} for letter in letters
        ]
        await self._write("reject", letters=rows)

    async def revive(self, events: Sequence[Event]) -> None:
        """See StateStore.revive."""
        await self._write("revive", places=[_places(event) for event in events])

    async def forget(self, tombstone: Tombstone) -> None:
        """See StateStore.forget."""
        run = tombstone.run
        kept: dict[str, object] = {
            "id": rid("tombstone", [run, tombstone.place]),
            "run": key_text(run),
            "seq": tombstone.seq,
            "journal": tombstone.place == "journal",
            "body": encode(asdict(tombstone)),
        }
        await self._write("forget", tombstone=kept)

    async def claim(self, run: str, holder: str, seconds: float, before: str = "") -> bool:
        """See StateStore.claim."""
        try:
            await self._write("claim_lease", **_lease(run, holder, seconds), holders=[holder, before or holder])
        except Refused:
            return False
        return True

    async def renew(self, run: str, holder: str, seconds: float) -> bool:
        """See StateStore.renew."""
        return bool((await self._write("renew_lease", **_lease(run, holder, seconds)))[0])

    async def release(self, run: str, holder: str) -> None:
        """See StateStore.release."""
        await self._write("release_lease", **_lease(run, holder))

    async def _write(self, name: str, **values: object) -> list[Any]:
        """A write that needs no head; the shipper and the runs of other processes may collide in it."""
        if self._read_only:
            raise StoreError("the state store was opened for reading only")
        return await self._call(self._tried, name, values)

    def _tried(self, name: str, values: dict[str, object]) -> list[Any]:
        for attempt in _tries():
            try:
                return self._ask(name, **values)
            except Again:
                _pause(attempt)
        raise StoreConflict(f"for {_RACING:g} s every write met other writers", "Try again.")

    # ------------------------------------------------------------ reading

    async def get(self, run: str, table: str, key: str) -> Record | None:
        """The record, None when there is none."""
        rows = await self._rows("get", id=_record_id(run, table, key))
        return record(rows[0]) if rows else None

    async def all(self, run: str, table: str) -> list[Record]:
        """All records of a table that belong to the run, sorted by key."""
        if table == "run":
            own = await self.get(run, table, run)
            return [own] if own else []
        rows = await self._rows(f"all_{_checked(table)}", run=key_text(run))
        return sorted((record(row) for row in rows), key=lambda record: record.key)

    async def runs(self, limit: int = 50, states: Collection[str] = ()) -> list[Record]:
        """The newest runs first, by `created_at`, then by id."""
        rows = await self._rows("runs", limit=min(limit, _MOST), states=sorted(states))
        return [record(row) for row in rows]

    async def workflows(self, limit: int = 50) -> list[Record]:
        """The versions of workflows that were seen last first, by `first_seen`, then by key."""
        return [record(row) for row in await self._rows("workflows", limit=min(limit, _MOST))]

    async def edges(self, run: str) -> list[Edge]:
        """All edges of a run, sorted."""
        found = await self._call(lambda: self._ask("edges", run=key_text(run)))
        return edges_in(id_ for ids in found for id_ in ids)

    async def lineage(self, run: str, table: Literal["step", "artifact"], key: str) -> Lineage:
        """See StateStore.lineage."""
        return walk(await self.edges(run), (table, key))

    async def events(self, run: str, after: int = 0, limit: int | None = None) -> list[Event]:
        """Events with seq > after, in order."""
        most = _MOST if limit is None else min(limit, _MOST)
        rows = await self._rows("events", run=key_text(run), after=after, limit=most)
        return [event_of(row["body"], run, row["id"].id[1]) for row in rows]

    async def head(self, run: str) -> tuple[int, str] | None:
        """(seq, hash) of the newest event, None for a run without events."""
        return await self._call(self._read_head, run)

    async def outbox(self, limit: int = 100) -> list[Event]:
        """Events not yet delivered, oldest first."""
        rows = await self._rows("outbox", limit=min(limit, _MOST))
        return [linked(row) for row in rows]

    async def heads(self) -> dict[str, tuple[int, str]]:
        """`head` of every run that has ever had an event, by run."""
        return {unkeyed(row["id"].id): (row["seq"], row["hash"]) for row in await self._rows("heads")}

    async def dead(self, limit: int = 100) -> list[DeadLetter]:
        """Dead letters, the oldest events first."""
        rows = await self._rows("dead", limit=min(limit, _MOST))
        return [DeadLetter(linked(row), unkeyed(row["reason"]), row["since"]) for row in rows]

    async def backlog(self) -> Backlog:
        """How much of the journal the audit log has not got."""
        waiting, first, dead = await self._call(lambda: self._ask("backlog"))
        oldest = linked(first[0]).ts if first else None
        return Backlog(count(waiting), oldest, count(dead))

    async def tombstones(self) -> list[Tombstone]:
        """What retention has left, sorted by run and place."""
        return [Tombstone(**decode(row["body"])) for row in await self._rows("tombstones")]  # type: ignore[arg-type]

    async def leases(self) -> dict[str, Lease]:
        """All leases by run."""
        rows = await self._rows("leases")
        return {unkeyed(row["id"].id): Lease(row["holder"], row["remaining"] / 1000) for row in rows}

    async def _rows(self, name: str, **values: object) -> list[Any]:
        rows: list[Any] = (await self._call(lambda: self._ask(name, **values)))[0]
        return rows

    def _read_head(self, run: str) -> Head | None:
        rows = self._ask("head", id=rid("head", run))[0]
        return (rows[0]["seq"], rows[0]["hash"]) if rows else None


def _seen(future: asyncio.Future[Any] | Future[Any]) -> None:
    # Nobody may be waiting any more (timeout, cancellation); asyncio would complain about the unread error.
    if not future.cancelled():
        future.exception()


def _tries() -> Iterator[int]:
    """Count tries until the time for them is over."""
    end, attempt = time.monotonic() + _RACING, 0
    while not attempt or time.monotonic() < end:
        yield attempt
        attempt += 1


def _pause(attempt: int) -> None:
    # Not all at once: writers that met would meet again.
    time.sleep(min(_PAUSE * 2 ** min(attempt, 9), _LONGEST) * random.uniform(0.5, 1.0))  # noqa: S311


def _checked(table: str) -> str:
    if table not in _TABLES:
        raise ValueError(f"there is no table {table!r}; tables are {', '.join(sorted(_TABLES))}")
    return table


def _record_id(run: str, table: str, key: str) -> object:
    if table in ("run", "workflow"):
        return rid(table, key)
    return rid(_checked(table), [run, key])


def _made(row: dict[str, Any]) -> dict[str, object]:
    """The row of a record that is made where it is not there yet."""
    return {"id": row["id"], **row["content"], "run": ""}


def _lease(run: str, holder: str, seconds: float = 0.0) -> dict[str, object]:
    return {"id": rid("lease", run), "holder": holder, "millis": round(seconds * 1000)}


def _places(event: Event) -> dict[str, object]:
    """Where an event waits for its delivery, and where it is kept when it was refused."""
    return {table: rid(table, [event.run, event.seq]) for table in ("outbox", "dead")}
