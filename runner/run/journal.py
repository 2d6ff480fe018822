"""The only writer of a run: it knows every document and revision, and makes transitions durable in order.

`move_*`, `put` and `note` take effect in memory at once (so the state machine is never behind) and are queued; `sync`
waits until all that is queued has been committed. What is queued together goes into one transaction: a
step that ends and its successor that starts cost one write. Nothing stays queued longer than `LINGER` seconds.
After the store has failed, every `sync` raises its error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, cast

from runner.compiler.canonical import Json
from runner.errors import RunRelieved, StoreConflict, StoreError
from runner.run.clock import iso
from runner.run.event import Event, EventDraft
from runner.run.followed import attempt_key, followed, under_way
from runner.run.mask import Mask
from runner.run.ports import Change, Clock, Record, RunState, StateStore, StepState
from runner.run.state import check_run, check_step

Table = Literal["run", "step", "box", "artifact", "milestone", "attempt", "approval", "workflow"]
#: The tables whose documents belong to one run, the run's own first.
TABLES: tuple[Table, ...] = ("run", "step", "box", "artifact", "milestone", "attempt", "approval")
Document = dict[str, Json]

#: Seconds that a transition may wait for company before it is written.
LINGER = 0.005
#: The fields that hold text from outside; all others are runner's own words.
_FREE_TEXT = ("message", "outputs", "inputs", "title", "checks", "name", "path")


class Journal:
    """One run's documents and events on their way to the store. Secrets are masked here, once, for all."""

    def __init__(
        self,
        store: StateStore,
        run: str,
        clock: Clock,
        mask: Mask,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self.run = run
        self.mask = mask
        self._store = store
        self._clock = clock
        self._on_event = on_event
        self._documents: dict[tuple[Table, str], Document] = {}
        self._revisions: dict[tuple[Table, str], int] = {}
        self._changed: dict[tuple[Table, str], None] = {}
        self._facts: list[EventDraft] = []
        self._queued = 0
        self._durable = 0
        self._flusher: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._trouble: StoreError | None = None
        self._standing: list[Change] = []
        #: Hears why nothing more can be written.
        self.lost: Callable[[StoreError], None] = lambda _: None
        #: Says what follows from an event at once: it is written in the same transaction.
        self.decide: Callable[[EventDraft], Iterable[EventDraft]] = lambda _: ()

    # ------------------------------------------------------------ reading

    def now(self) -> str:
        """The moment, as documents and events write it."""
        return iso(self._clock.now())

    def document(self, table: Table, key: str) -> Document:
        """The newest document. Raises KeyError."""
        return self._documents[table, key]

    def documents(self, table: Table) -> dict[str, Document]:
        """All documents of a table by key, in the order of their making."""
        return {key: value for (name, key), value in self._documents.items() if name == table}

    # ------------------------------------------------------------ writing

    def restore(self, table: Table, record: Record) -> None:
        """Take over a document as the store has it."""
        self._documents[table, record.key] = dict(record.data)
        self._revisions[table, record.key] = record.rev

    def fact(
        self, type_: str, data: Mapping[str, Json] | None = None, step: str | None = None, attempt: int | None = None
    ) -> EventDraft:
        """An event of now, free of secrets."""
        clean = {key: self.mask.json(value) for key, value in (data or {}).items()}
        return EventDraft(type_, self.now(), step, attempt, clean)

    def put(self, table: Table, key: str, fields: Document, *facts: EventDraft) -> None:
        """Set fields of a document, making it if there is none, together with events."""
        document = self._documents.setdefault((table, key), {})
        if table == "step":
            self._attempt(key, document, fields)
        for name, value in fields.items():
            document[name] = self.mask.json(value) if name in _FREE_TEXT else value
        self._changed[table, key] = None
        self.note(*facts)

    def note(self, *facts: EventDraft) -> None:
        """Queue events and what follows from them, and see to it that they are written soon."""
        facts = tuple(each for fact in facts for each in (fact, *self.decide(fact)))
        for fact in facts:
            for table, key, fields in followed(fact, self._find):
                self._set(cast("Table", table), key, fields)
        self._facts += facts
        self._queued += 1
        if self._timer is None and (self._flusher is None or self._flusher.done()):
            self._timer = asyncio.get_running_loop().call_later(LINGER, self._begin)

    def _find(self, table: str, key: str) -> Document | None:
        return self._documents.get((cast("Table", table), key))

    def _set(self, table: Table, key: str, fields: Document) -> None:
        self._documents.setdefault((table, key), {}).update(fields)
        self._changed[table, key] = None

    def _attempt(self, key: str, leg: Document, fields: Document) -> None:
        """Tell a leg's attempt under way what is said of it in the leg's own document."""
        name = attempt_key(key, cast("int", leg.get("attempt") or 0))
        attempt, told = self._find("attempt", name), under_way(fields, leg)
        if told and attempt is not None and attempt["ended_at"] is None:
            self._set("attempt", name, told)

    def move_step(self, key: str, state: StepState, fact: EventDraft, **fields: Json) -> None:
        """Move a leg to another state. Raises IllegalMove."""
        check_step(key, cast("StepState", self.document("step", key)["state"]), state)
        self.put("step", key, {"state": state, **fields}, fact)

    def move_run(self, state: RunState, fact: EventDraft, **fields: Json) -> None:
        """Move the run to another state. Raises IllegalMove."""
        check_run(self.run, cast("RunState", self.document("run", self.run)["state"]), state)
        self.put("run", self.run, {"state": state, **fields}, fact)

    async def sync(self) -> None:
        """Return when all that is queued is durable. Raises StoreError, now and ever after, when the store failed, and
        RunRelieved when the run is another process's by now.
        """
        goal = self._queued
        while self._trouble is None and self._durable < goal:
            flusher = self._begin()
            await asyncio.wait({flusher})
            if self._trouble is None:
                flusher.result()
        if self._trouble is not None:
            raise self._trouble

    def stand_on(self) -> None:
        """Let the next transaction be written only if nobody has moved any document since it was restored."""
        self._standing = [Change(*key, rev, None) for key, rev in self._revisions.items()]

    def fail(self, error: StoreError) -> None:
        """Write nothing more: the run is another process's, or will be. `sync` raises this error from now on."""
        self._trouble = self._trouble or error

    async def trouble(self) -> StoreError | None:
        """Why nothing of what is queued can be written, RunRelieved where the run is another process's; None when all
        of it is durable.
        """
        try:
            await self.sync()
        except StoreError as error:
            return error
        return None

    def is_written(self, table: Table, key: str) -> bool:
        """Whether the store has a document, as far as it has answered."""
        return self._revisions.get((table, key), 0) > 0

    def _begin(self) -> asyncio.Task[None]:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # A failed flusher stays: its error answers every later `sync`.
        if self._flusher is None or (self._flusher.done() and self._flusher.exception() is None):
            self._flusher = asyncio.get_running_loop().create_task(self._flush())
            self._flusher.add_done_callback(_seen)
        return self._flusher

    async def _flush(self) -> None:
        while self._durable < self._queued and self._trouble is None:
            goal, facts, keys = self._queued, self._facts, list(self._changed)
            self._facts, self._changed = [], {}
            changes = [Change(*key, self._revisions.get(key, 0), dict(self._documents[key])) for key in keys]
            changes += [each for each in self._standing if (each.table, each.key) not in keys]
            self._standing = []
            own: tuple[Table, str] = ("run", self.run)
            if own not in keys:  # only this journal writes it: another process that goes on with the run moves it first
                changes.append(Change(*own, self._revisions.get(own, 0), None))
            events = await self._committed(changes, facts)
            for key in keys:
                self._revisions[key] = self._revisions.get(key, 0) + 1
            self._durable = goal
            if self._on_event is not None:
                for event in events:
                    self._on_event(event)

    async def _committed(self, changes: list[Change], facts: list[EventDraft]) -> list[Event]:
        try:
            return await self._store.commit(self.run, changes, facts)
        except StoreConflict as error:  # nobody but the run's own process writes its documents
            told = f"another process goes on with run {self.run}: {error.message}"
            relieved = RunRelieved(told, f"runner status {self.run}")
            self.lost(relieved)
            raise relieved from error
        except StoreError as error:
            self.lost(error)
            raise


def _seen(flusher: asyncio.Task[None]) -> None:
    # Nobody may ask any more; asyncio would complain about the unread error.
    if not flusher.cancelled():
        flusher.exception()
