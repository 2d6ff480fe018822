"""What a run's journal alone says of its documents, and where the documents that the store has say something else.

Each transition writes documents and events in one transaction. So a state that holds is one that its journals replay
to: a document that was changed, lost or put in is found here, as an event that was is found by the chain of hashes.
Moments are left out: those of a document are read from the clock apart from its event's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from runner.compiler.canonical import Json
from runner.errors import IllegalMove
from runner.records import dataclass
from runner.run.event import Event
from runner.run.followed import followed
from runner.run.journal import TABLES, Document, Table
from runner.run.ports import RunState, StateStore, StepState
from runner.run.state import RUN_STATE, STEP_STATE, check_run, check_step

#: How often the documents of a run that goes on are read, to have them of one moment.
_LOOKS = 5
#: The documents that exist before any event about them, as they are then.
_UNTOLD: Mapping[Table, Document] = {"step": {"state": "pending"}, "milestone": {"state": "pending"}}
_CREATED = ("spec", "name", "plan_digest", "engine", "inputs", "steps_total")
#: Told only of a run that has them: one without must not have them in its document.
_DESCENT = ("parent", "rerun_of")
_ENDED = ("message", "cost", "outputs")
_BOX = ("sandbox", "provider", "usd", "seconds", "free")

#: Documents, or the part of them that events tell, by table and key.
Documents = Mapping[Table, Mapping[str, Document]]


class Replay:
    """The documents of one run as far as its events tell them."""

    def __init__(self) -> None:
        self.documents: dict[Table, dict[str, Document]] = {table: {} for table in TABLES}

    def follow(self, event: Event) -> None:
        """Take the next event of the journal. Raises IllegalMove where no run and no leg may go that way."""
        for table, key, fields in followed(event, lambda table, key: self.documents[cast("Table", table)].get(key)):
            self._of(cast("Table", table), key).update(fields)
        subject = event.type.partition(".")[0]
        if subject == "run":
            self._run(event)
        elif subject == "box":
            self._box(event)
        elif event.type in ("milestone.reached", "milestone.missed"):
            told = {"state": event.type.partition(".")[2], **_part(event, "title", "checks")}
            self._of("milestone", str(event.data.get("milestone"))).update(told)
        elif event.type == "artifact.stored":
            told = {"step": event.step, **_part(event, "output", "digest", "bytes", "files")}
            self._of("artifact", f"{event.step}/{event.data.get('output')}").update(told)
        elif event.type in STEP_STATE:
            self._moved(event, str(event.step))
        elif event.type in ("step.delegated", "approval.decided"):
            self._told(event, str(event.step))

    def _of(self, table: Table, key: str) -> Document:
        return self.documents[table].setdefault(key, dict(_UNTOLD.get(table, {})))

    def _run(self, event: Event) -> None:
        if event.type not in RUN_STATE:
            return
        document, new = self._of("run", event.run), RUN_STATE[event.type]
        if "state" in document:
            check_run(event.run, cast("RunState", document["state"]), new)
        document |= {"state": new, **_part(event, *(_CREATED if event.type == "run.created" else _ENDED))}
        if event.type == "run.created":
            document |= {name: event.data.get(name) for name in _DESCENT}
        if event.type == "run.resumed":
            document["message"] = ""  # how it had stopped is over

    def _box(self, event: Event) -> None:
        state = {"box.created": "live", "box.killed": "killed", "box.left": "left"}.get(event.type)
        if state is None:
            return
        if str(event.data.get("reason", "")).startswith("gone: "):
            state = "gone"  # it ended by itself: nobody killed it
        self._of("box", str(event.data.get("box"))).update({"state": state, **_part(event, *_BOX)})

    # ------------------------------------------------------------ legs

    def _told(self, event: Event, key: str) -> None:
        document = self._of("step", key)
        if event.type == "step.delegated":
            document["child"] = event.data.get("run")
        else:
            answer = {name: value for name, value in event.data.items() if name != "question"}
            document["approval"] = {**cast("Document", document.get("approval") or {}), "decision": answer}

    def _moved(self, event: Event, key: str) -> None:
        document, new = self._of("step", key), STEP_STATE[event.type]
        old = cast("StepState", document["state"])
        check_step(key, old, new)
        document["state"] = new
        if event.type == "step.started":
            document["attempt"] = event.attempt
            if old == "paused" and document.get("approval"):
                document["approval"] = None  # the answer was to go on, and it does
        elif event.type == "approval.asked":
            document |= {"attempt": event.attempt, "approval": {**event.data, "decision": None}}
        elif event.type == "step.expanded":
            self._expanded(event)
        elif event.type == "step.succeeded":
            document.pop("message", None)  # of an attempt before
        document |= _words(event)

    def _expanded(self, event: Event) -> None:
        legs = cast("list[Document]", event.data.get("legs", []))
        for leg in legs:
            self._of("step", str(leg["leg"]))
        run = self._of("run", event.run)
        run["steps_total"] = cast("int", run.get("steps_total", 0)) + len(legs)


def _part(event: Event, *names: str) -> Document:
    return {name: event.data[name] for name in names if name in event.data}


def _words(event: Event) -> Document:
    """What an event that moves a leg says of why, and of what came out."""
    data = event.data
    if event.type == "step.succeeded":
        return _part(event, "outputs", "cached")
    if event.type == "step.failed":
        return {"message": data.get("message"), "error_class": data.get("class")}
    if event.type in ("step.skipped", "step.cancelled", "step.repeated"):
        return {"message": data.get("reason"), **_part(event, "repetition")}
    return _part(event, "message") if event.type == "step.retrying" else {}


# ---------------------------------------------------------------- compared


def differences(run: str, documents: Documents, events: Iterable[Event]) -> list[str]:
    """A sentence for each thing in which the documents of a run differ from what its journal replays to.

    A journal of which retention has removed the beginning tells no documents, and is taken as it is.
    """
    replay = Replay()
    for place, event in enumerate(events):
        if place == 0 and event.type != "run.created":
            return []
        try:
            replay.follow(event)
        except IllegalMove as error:
            return [f"run {run}: event {event.seq} ({event.type}) cannot be: {error.message}"]
    if not replay.documents["run"]:
        return []
    found: list[str] = []
    for table in TABLES:
        told, stored = replay.documents[table], documents.get(table, {})
        for key in sorted(told.keys() | stored.keys()):
            found += (f"run {run}: {table} {key}: {what}" for what in _compared(table, stored.get(key), told.get(key)))
    total = replay.documents["run"].get(run, {}).get("steps_total")
    if total != len(documents.get("step", {})):
        found.append(f"run {run}: the state has {len(documents.get('step', {}))} legs, the journal tells of {total}")
    return found


def _compared(table: Table, stored: Document | None, told: Document | None) -> list[str]:
    if stored is None:
        return ["the journal tells of it, and the state has no document of it"]
    if told is None:
        if table not in _UNTOLD:
            return ["the state has a document of it, and the journal does not tell of it"]
        told = _UNTOLD[table]
    return [
        f"its {name} is {_shown(stored.get(name))} in the state, and {_shown(value)} after its journal"
        for name, value in told.items()
        if not _same(stored.get(name), value)
    ]


def _same(stored: Json, told: Json) -> bool:
    """Whether a document's value is what was told. When something was asked, only the document says."""
    if isinstance(stored, dict) and isinstance(told, dict) and "asked_at" in stored:
        stored = {name: value for name, value in stored.items() if name != "asked_at"}
    return stored == told


def _shown(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


# ---------------------------------------------------------------- in a store


@dataclass(frozen=True, slots=True)
class Replayed:
    """How a run's documents compare with its journal: the sentences of `differences`. Not `settled`, it went on so fast
    that its documents and events could not be had of one moment, and nothing is said of it.
    """

    differences: tuple[str, ...]
    settled: bool = True


async def compared(store: StateStore, run: str) -> Replayed:
    """Compare what a store has of a run, which may go on meanwhile. Raises StoreError, JournalBroken."""
    for _ in range(_LOOKS):
        before = await store.head(run)
        tables: dict[Table, dict[str, Document]] = {}
        for table in TABLES:
            tables[table] = {record.key: record.data for record in await store.all(run, table)}
        events = await store.events(run)
        if await store.head(run) == before:
            return Replayed(tuple(differences(run, tables, events)))
    return Replayed((), settled=False)


async def disagreeing(store: StateStore) -> list[str]:
    """The sentences of `differences` for all runs of a store. Raises StoreError, JournalBroken."""
    return [sentence for run in sorted(await store.heads()) for sentence in (await compared(store, run)).differences]
