"""The state store in SurrealDB, embedded: `surrealkv://` in the one process that holds the lock.

The only file that knows the SurrealDB SDK. What it has to get right, each measured with 2.0.0 (engine 2.3.10):

- `query()` hides the errors of all statements but the first: we use `query_raw` and look at every status.
- Record ids given as text are spliced into the query: we bind `RecordID` objects.
- A commit is flushed to disk only with SURREAL_SYNC_DATA=true in the environment until the first write, where the
  engine reads it once for the life of the process.
- The asynchronous handle can abort the interpreter at exit: we use the blocking one, in one thread of its own. That
  thread also puts concurrent commits in order: sealing, writing and remembering the head are one job in it.
- A commit that fails for want of space stays visible to the handle that made it, and every later commit fails:
  such a handle is dropped and the store opened anew, from what is really on the disk.
- A transaction is not one record of the log: see `watermark.py` for how half of one is kept out.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from runner.errors import RunnerError, StoreConflict, StoreError, StoreLocked, StoreNewer
from runner.run.event import GENESIS, Event, EventDraft
from runner.run.ports import Backlog, Change, DeadLetter, Record, Tombstone
from runner.store.codec import Head, check_changes, conflict, decode, encode, encode_event, seal_all
from runner.store.failure import from_os, of_the_disk, translated
from runner.store.lock import StoreLock
from runner.store.process import environment, without_repair_notes
from runner.store.queries import queries
from runner.store.rows import content, count, event_of, key_text, linked, record, unkeyed
from runner.store.watermark import Watermark, copy_store

if TYPE_CHECKING:
    from surrealdb import BlockingEmbeddedSurrealConnection, RecordID

T = TypeVar("T")

#: The version of what is stored, and the query that leads to each version from the one before.
MIGRATIONS: tuple[tuple[int, str], ...] = ((1, "migrate_1"), (2, "migrate_2"))
VERSION = MIGRATIONS[-1][0]
_TIMEOUT = 30.0
_TRIES = 6
_PAUSE = 0.005
_MOST = 2**31 - 1  # what a LIMIT may be
_SYNC = "SURREAL_SYNC_DATA"
_ABORTED = "The query was not executed due to a failed transaction"
_WRITES = frozenset({"commit", "delivered", "reject", "revive", "forget"})
_TABLES = frozenset({"run", "step", "box", "artifact", "milestone"})


class _Again(Exception):
    """The transaction lost a race and may be repeated."""


class _Refused(Exception):
    """The commit query threw this text."""


class SurrealStore:
    """A StateStore in the folder `path`, with `<path>.lock` and `<path>.mark` beside it.

    With `read_only`, commits are refused, and a store that another process holds or that cannot be written is read from
    a copy (its log only grows, so a copy is the state of a moment ago). `timeout` is in seconds and holds for each
    call. A commit whose caller is cancelled is finished before the cancellation goes on; it is then written all the
    same.
    """

    def __init__(self, path: Path, *, read_only: bool = False, timeout: float = _TIMEOUT) -> None:
        self.path = path.absolute()
        self._read_only = read_only
        self._timeout = timeout
        self._lock = StoreLock(self.path.with_name(f"{self.path.name}.lock"))
        self._engine: _Engine | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._copy: Path | None = None
        self._heads: dict[str, Head] = {}
        self._last_at = 0

    # ------------------------------------------------------------ life

    async def open(self) -> None:
        """See StateStore.open. Opening an open store does nothing."""
        if self._thread is not None:
            return
        self._thread = ThreadPoolExecutor(1, "runner-state")
        try:
            await self._call(self._open)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Drop the handle, then the lock. Closing a closed store does nothing."""
        if self._thread is None:
            return
        thread = self._thread
        try:
            await self._call(self._close)
        finally:
            self._thread = None
            thread.shutdown(wait=False)

    def _open(self) -> None:
        path = self.path
        if self._read_only and not os.access(path.parent, os.W_OK):
            path = self._copied()  # on a device or in a folder of somebody else, where even a lock cannot be written
        else:
            try:
                self._lock.acquire(reading=self._read_only)
            except StoreLocked:
                if not self._read_only:
                    raise
                path = self._copied()
        self._engine = _Engine(path, stamp=not self._read_only)
        self._engine.connect()

    def _copied(self) -> Path:
        self._copy = Path(tempfile.mkdtemp(prefix="runner-state-"))
        try:
            copy_store(self.path, self._copy / "state")
        except OSError as error:
            raise from_os(self.path, error) from error
        return self._copy / "state"

    def _close(self) -> None:
        engine, self._engine = self._engine, None
        copy, self._copy = self._copy, None
        self._heads.clear()
        try:
            if engine is not None:
                engine.close()
            if copy is not None:
                shutil.rmtree(copy, ignore_errors=True)
        finally:
            self._lock.release()

    async def _call(self, job: Callable[..., T], *args: object) -> T:
        if self._thread is None:
            raise StoreError("the state store is not open")
        future = asyncio.wrap_future(self._thread.submit(job, *args))
        future.add_done_callback(_seen)
        try:
            done, _ = await asyncio.wait({future}, timeout=self._timeout)
        except asyncio.CancelledError:
            await asyncio.wait({future}, timeout=self._timeout)
            raise
        if not done:
            raise StoreError(f"the state store in {self.path} did not answer within {self._timeout:g} s")
        return future.result()

    def _ask(self, name: str, **values: object) -> list[Any]:
        if self._engine is None:
            raise StoreError("the state store is not open")
        return self._engine.query(name, values)

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
        for attempt in range(_TRIES):
            head = self._heads.get(run) or self._read_head(run) or (0, GENESIS)
            sealed = seal_all(run, head, drafts)
            try:
                self._ask("commit", **self._values(run, changes, texts, head, sealed))
            except _Again:
                self._heads.pop(run, None)
                time.sleep(_PAUSE * 2**attempt)
                continue
            except _Refused as refused:
                _, place, found = str(refused).split(":")[1:4]
                raise StoreConflict(conflict(run, changes[int(place)], int(found))) from None
            except StoreError:
                self._heads.clear()  # what is on the disk now has to be read again
                raise
            if sealed:
                self._heads[run] = (sealed[-1].seq, sealed[-1].hash)
            return sealed
        raise StoreConflict(f"run {run}: {_TRIES} attempts to write met other writers", "Try again.")

    def _values(
        self, run: str, changes: list[Change], texts: list[str | None], head: Head, events: list[Event]
    ) -> dict[str, object]:
        # Time of entry into the outbox, never the same twice: the order of delivery over all runs.
        first = max(time.time_ns(), self._last_at + 1)
        self._last_at = first + len(events)
        moved = {"id": _rid("head", run), "old_seq": head[0], "old_hash": head[1]}
        return {
            "txn": {"begin": _rid("meta", "begin"), "end": _rid("meta", "end"), "number": first},
            "head": {**moved, "seq": events[-1].seq, "hash": events[-1].hash} if events else None,
            "changes": [
                {
                    "id": _record_id(run, change.table, change.key),
                    "rev": change.rev,
                    "place": place,
                    "content": content(run, change, text),
                }
                for place, (change, text) in enumerate(zip(changes, texts, strict=True))
            ],
            "events": [
                {
                    "id": _rid("event", [run, event.seq]),
                    "type": key_text(event.type),
                    "step": key_text(event.step or ""),
                    "ts": key_text(event.ts),
                    "body": encode_event(event),
                }
                for event in events
            ],
            "outbox": [
                {"id": _rid("outbox", [run, event.seq]), "at": first + place, "event": _rid("event", [run, event.seq])}
                for place, event in enumerate(events)
            ],
        }

    async def delivered(self, events: Sequence[Event]) -> None:
        """Drop these events' outbox rows; unknown ones are ignored."""
        await self._write("delivered", ids=[_rid("outbox", [event.run, event.seq]) for event in events])

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
            "id": _rid("tombstone", [run, tombstone.place]),
            "run": key_text(run),
            "seq": tombstone.seq,
            "journal": tombstone.place == "journal",
            "body": encode(asdict(tombstone)),
        }
        await self._write("forget", tombstone=kept)

    async def _write(self, name: str, **values: object) -> None:
        """A write that needs no head; the shipper and the runs of other processes may collide in it."""
        if self._read_only:
            raise StoreError("the state store was opened for reading only")
        await self._call(self._tried, name, values)

    def _tried(self, name: str, values: dict[str, object]) -> None:
        for attempt in range(_TRIES):
            try:
                self._ask(name, **values)
                return
            except _Again:
                time.sleep(_PAUSE * 2**attempt)
        raise StoreConflict(f"{_TRIES} attempts to write met other writers", "Try again.")

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

    async def runs(self, limit: int = 50) -> list[Record]:
        """The newest runs first, by `created_at`, then by id."""
        return [record(row) for row in await self._rows("runs", limit=min(limit, _MOST))]

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

    async def _rows(self, name: str, **values: object) -> list[Any]:
        rows: list[Any] = (await self._call(lambda: self._ask(name, **values)))[0]
        return rows

    def _read_head(self, run: str) -> Head | None:
        rows = self._ask("head", id=_rid("head", run))[0]
        return (rows[0]["seq"], rows[0]["hash"]) if rows else None


class _Engine:
    """One handle of the SDK on one folder; only for the store's own thread."""

    def __init__(self, path: Path, *, stamp: bool) -> None:
        self._path = path
        self._stamp = stamp
        self._mark = Watermark(path)
        self._db: BlockingEmbeddedSurrealConnection | None = None

    def connect(self) -> None:
        """Open the folder and bring it to our version. Raises StoreNewer, StoreFull, StoreError."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._mark.begin()
            # The engine reads the variable at its first write, which `_prepare` makes.
            with environment(_SYNC, "true"):
                self._db = self._opened()
                while self._mark.doubtful and not self._whole():
                    self._db = None
                    self._mark.shorten()
                    self._db = self._opened()
                self._mark.end()
                if self._prepare():
                    self._mark.advance()
            self._stamp = False
        except OSError as error:
            self.close(whole=False)
            raise from_os(self._path, error) from error
        except BaseException:
            self.close(whole=False)
            raise

    def _opened(self) -> BlockingEmbeddedSurrealConnection:
        try:
            from surrealdb import BlockingEmbeddedSurrealConnection
        except ImportError as error:
            raise StoreError("the surrealdb package is missing", "pip install 'runner[surreal]'") from error
        try:
            with _vendor(self._path), without_repair_notes():
                db = BlockingEmbeddedSurrealConnection(f"surrealkv://{self._path}")
                db.connect()
                db.use("runner", "runner")
                return db
        except StoreError:
            self._mark.abandon()
            raise

    def _whole(self) -> bool:
        """Whether the last transaction in the log is complete: its records are in the order of their writing."""
        begin, end = self.query("whole", {"begin": _rid("meta", "begin"), "end": _rid("meta", "end")})
        return bool(begin == end)

    def _prepare(self) -> bool:
        """Bring the contents to our version; whether anything was written."""
        rows = self.query("version", {"id": _rid("meta", "schema")})[0]
        version = int(rows[0]) if rows else 0
        if version > VERSION:
            raise StoreNewer(
                f"the state in {self._path} has version {version}; this runner knows up to {VERSION}",
                "Upgrade runner, or use another folder with --state DIR.",
            )
        if version == VERSION and not self._stamp:
            return False
        self._mark.before_write()
        self.query("prepare", {})
        for number, name in MIGRATIONS:
            if number > version:
                self.query(name, {})
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.query("set_version", {"id": _rid("meta", "schema"), "version": VERSION, "now": now})
        return True

    def query(self, name: str, values: dict[str, object]) -> list[Any]:
        """Run a named query and return the result of each of its statements. Raises StoreError and below, _Again,
        _Refused.
        """
        if self._db is None:
            self.connect()
        if name in _WRITES:
            self._marked(self._mark.before_write)
        with _vendor(self._path):
            response: dict[str, Any] = self._db.query_raw(queries()[name], values)  # type: ignore[union-attr, arg-type]
        if "error" in response:
            raise self._failure(str(response["error"]))
        failed = [str(part["result"]) for part in response["result"] if part["status"] != "OK"]
        if failed:
            raise self._failure(next((text for text in failed if text != _ABORTED), failed[0]))
        if name in _WRITES:
            self._marked(self._mark.advance)
        return [part["result"] for part in response["result"]]

    def _failure(self, text: str) -> Exception:
        thrown = text.find("runner:")
        if "can be retried" in text or text[thrown:] == "runner:head":
            return _Again(text)
        if thrown >= 0:
            return _Refused(text[thrown:])
        if of_the_disk(text):
            self.close(whole=False)
        return translated(self._path, text)

    def _marked(self, step: Callable[[], None]) -> None:
        try:
            step()
        except OSError as error:  # not acknowledged, so the next opening cuts it off
            self.close(whole=False)
            raise from_os(self._path, error) from error

    def close(self, *, whole: bool = True) -> None:
        """Let go of the folder; `whole` as in Watermark.close. The SDK's own `close` does nothing: only the end of
        the object frees the files.
        """
        self._db = None
        self._mark.close(whole=whole)


def _seen(future: asyncio.Future[Any] | Future[Any]) -> None:
    # Nobody may be waiting any more (timeout, cancellation); asyncio would complain about the unread error.
    if not future.cancelled():
        future.exception()


@contextmanager
def _vendor(path: Path) -> Iterator[None]:
    """The one place where the SDK's exceptions become ours; a panic of the engine is a BaseException."""
    try:
        yield
    except RunnerError:
        raise
    except BaseException as error:
        raise translated(path, str(error)) from error


def _checked(table: str) -> str:
    if table not in _TABLES:
        raise ValueError(f"there is no table {table!r}; tables are {', '.join(sorted(_TABLES))}")
    return table


def _rid(table: str, identifier: str | list[str | int]) -> RecordID:
    from surrealdb import RecordID

    if isinstance(identifier, str):
        return RecordID(table, key_text(identifier))
    return RecordID(table, [key_text(part) if isinstance(part, str) else part for part in identifier])


def _record_id(run: str, table: str, key: str) -> RecordID:
    return _rid("run", key) if _checked(table) == "run" else _rid(table, [run, key])


def _places(event: Event) -> dict[str, object]:
    """Where an event waits for its delivery, and where it is kept when it was refused."""
    return {table: _rid(table, [event.run, event.seq]) for table in ("outbox", "dead")}
