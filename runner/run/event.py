"""Events: the immutable facts of a run, chained by hash, and the check of such a chain.

The hash of an event is the SHA-256 of the canonical JSON of all its other fields, `prev` (the hash of the
event before it, 64 zeros for the first) among them: nobody can change, drop or put in an event
without every later hash changing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field, fields, replace

from runner.compiler.canonical import Json, digest
from runner.errors import JournalBroken
from runner.records import dataclass

GENESIS = "0" * 64

#: Every event type with its meaning. `data` keys are listed in schemas/event.v1.schema.json.
EVENT_TYPES: dict[str, str] = {
    "run.created": "the run exists: spec, plan digest, inputs, engine",
    "run.waiting": "the run waits: its concurrency group is full",
    "run.started": "the first step may start",
    "run.resumed": "another process goes on with the run, or somebody let a paused run go on",
    "run.succeeded": "every step that had to succeed did",
    "run.failed": "a step failed and nothing was left to do",
    "run.cancelled": "somebody stopped the run",
    "run.paused": "a policy or a person paused the run, or it waits for a decision: nothing of it goes on",
    "sandbox.chosen": "a provider was chosen for a sandbox; every candidate with its reason",
    "sandbox.fallback": "a provider failed and the next candidate took over",
    "box.created": "a box is live",
    "box.found": "a process that goes on with the run found a box alive, and uses it again",
    "box.killed": "a box was freed",
    "box.moved": "the files of a box were carried into another one, which takes its place",
    "box.left": "a box could not be freed: it ends by itself when its time is over",
    "preview.ready": "a server in a box can be reached by people at an address on the run's machine",
    "snapshot.stored": "the files of a step's box were kept after it succeeded",
    "snapshot.restored": "a box began with the files of a snapshot",
    "snapshot.imported": "somebody gave a step other files as its snapshot, after the run",
    "step.ready": "everything upstream of the step has ended; its attempts may begin",
    "step.waiting": "the step waits: its concurrency group, its provider or its budget has no room",
    "step.paused": "the step had begun and waits for a box: the run is paused",
    "step.expanded": "the items of a `for_each` are known; their legs may begin",
    "step.started": "an attempt began",
    "step.cached": "the step's outputs are those of an earlier run: it does not run again",
    "step.missed": "no earlier run has outputs that could be taken, with the reason",
    "step.reused": "the step is as it was in the run before this one: it does not run again",
    "step.delegated": "a run of another workflow began for the step",
    "step.reattached": "the attempt's command went on while no process was there: the next one follows it to its end",
    "step.interrupted": "the process that made the attempt ended before it did; another attempt will follow",
    "step.retrying": "an attempt failed and another will follow after a delay",
    "step.repeated": "the condition that ends the step's repetition does not hold yet; it will run again",
    "step.succeeded": "the step's last attempt succeeded; outputs",
    "step.failed": "the step's last attempt failed; error class and message",
    "step.skipped": "the step will not run: its condition is false, or something upstream did not succeed",
    "step.cancelled": "the step was stopped",
    "approval.asked": "the step waits for somebody's decision: what is asked, the form, and until when",
    "approval.decided": "a question of the step was answered, by a person or by the end of its time",
    "request.taken": "somebody asked from outside to cancel or to pause the run, and it does so",
    "request.refused": "what somebody asked of the run from outside cannot be done, with the reason",
    "artifact.stored": "files a step hands on are stored: name, digest, size",
    "milestone.reached": "all steps of the milestone succeeded and its acceptance checks hold",
    "milestone.missed": "a step of the milestone did not succeed, or an acceptance check does not hold",
    "policy.applied": "a policy of the spec acted: on what, and what it did",
}


@dataclass(frozen=True, slots=True)
class EventDraft:
    """A fact before it has its place in the journal. `ts` is UTC, ISO 8601 with microseconds and `Z`.
    `step` is a leg's key; `attempt` counts from 1. `data` must already be free of secrets.
    """

    type: str
    ts: str
    step: str | None = None
    attempt: int | None = None
    data: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """A fact in the journal of a run; `seq` counts from 1 without gaps."""

    run: str
    seq: int
    ts: str
    type: str
    step: str | None
    attempt: int | None
    data: dict[str, Json]
    prev: str
    hash: str = ""

    def to_json(self) -> dict[str, Json]:
        """The event as plain JSON, all fields; `data` is the event's own, not a copy."""
        return {name: getattr(self, name) for name in _FIELDS}

    @staticmethod
    def from_json(value: dict[str, Json]) -> Event:
        """The event that `to_json` made. Unknown keys raise TypeError."""
        return Event(**value)  # type: ignore[arg-type]


#: `dataclasses.asdict` copies every value on the way, which costs more than the hash itself.
_FIELDS = tuple(each.name for each in fields(Event))


def hash_of(event: Event) -> str:
    """The hash that the event's other fields give."""
    body = event.to_json()
    del body["hash"]
    return digest(body)


def seal(draft: EventDraft, run: str, seq: int, prev: str) -> Event:
    """Give a draft its place: number, hash of its predecessor, own hash."""
    event = Event(run, seq, draft.ts, draft.type, draft.step, draft.attempt, draft.data, prev)
    return replace(event, hash=hash_of(event))


def verify(
    events: Iterable[Event],
    run: str,
    head: tuple[int, str] | None = None,
    start: tuple[int, str] = (0, GENESIS),
) -> int:
    """Check a run's whole journal and return the number of its last event.

    `head` is (seq, hash) as the store remembers it apart from the events: a journal cut at its end
    is found by it. `start` is the (seq, hash) of a tombstone, after which the events go on.
    Raises JournalBroken that names the first event that does not hold.
    """
    seq, prev = start
    for event in events:
        seq += 1
        if event.run != run or event.seq != seq:
            raise JournalBroken(
                f"run {run}: event {seq} is missing (found {event.seq} of run {event.run})",
                "The journal was cut or mixed up; restore the state folder from a backup.",
            )
        if event.prev != prev or event.hash != hash_of(event):
            raise JournalBroken(
                f"run {run}: event {seq} ({event.type}) does not match its hash",
                "The event was changed after it was written; restore the state folder from a backup.",
            )
        prev = event.hash
    if head is not None and head != (seq, prev):
        raise JournalBroken(
            f"run {run}: the journal ends at event {seq}, but the store has acknowledged {head[0]}",
            "The end of the journal was lost; restore the state folder from a backup.",
        )
    return seq
