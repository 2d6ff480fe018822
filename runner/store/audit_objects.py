"""Events as the objects of an audit log, and what such an object says of itself when it is read back. No SDK here."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields as fields_of
from datetime import UTC, datetime
from typing import Any, Protocol

from runner.errors import RunnerError
from runner.run.audit_port import Copy
from runner.run.catalogue import Entry, entry
from runner.run.event import Event, hash_of
from runner.store.codec import decode_event, encode_event

#: Below this name lie the ids of all events: the same event has the same id wherever and however often it is written.
_NAMES = uuid.UUID("5b1c9d0e-6f0a-5e0d-9a57-0f6f1c3c7a11")
#: Bytes of one delivery; a server takes 100 MB by default, other things before it less.
BYTES = 4_000_000
#: `dataclasses.asdict` copies every value on the way.
_FIELDS = tuple(each.name for each in fields_of(Entry))


class Embedder(Protocol):
    """Turns sentences into vectors whose nearness is nearness of meaning."""

    @property
    def name(self) -> str: ...
    @property
    def dimension(self) -> int: ...
    def embed(self, sentences: Sequence[str]) -> list[list[float]]:
        """A vector of length 1 for each sentence. Raises AuditRefused when the model is not installed."""
        ...


def object_id(run: str, seq: int) -> uuid.UUID:
    """The id of an event's object."""
    return uuid.uuid5(_NAMES, f"{run}\0{seq}".encode().hex())


def properties(event: Event) -> dict[str, Any]:
    """What an object holds: the fields to search and filter by, the event as it was hashed, and its hash."""
    filed = entry(event)
    fields = {name: getattr(filed, name) for name in _FIELDS}
    return {**fields, "event": encode_event(event), "hash": event.hash}


def batches(events: Sequence[Event], most: int) -> Iterator[list[Event]]:
    """The events in order, in parts of at most `most` events and about `BYTES` bytes; one alone may be larger."""
    part: list[Event] = []
    size = 0
    for event in events:
        weight = 2 * len(repr(event.data))
        if part and (len(part) == most or size + weight > BYTES):
            yield part
            part, size = [], 0
        part.append(event)
        size += weight
    if part:
        yield part


def event_in(stored: Mapping[str, Any]) -> Event:
    """The event of an object. Raises ValueError when there is none in it."""
    try:
        return decode_event(str(stored["event"]))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError("it holds no event") from error


def copy_of(stored: Mapping[str, Any]) -> Copy:
    """What an object is worth: its hash is reckoned from its contents, never believed."""
    seq = int(stored.get("seq") or 0)
    try:
        event = event_in(stored)
        wanted = properties(event)
    except (ValueError, RunnerError):
        return Copy(seq, "", "it cannot be read")
    found = {name: _plain(stored.get(name)) for name in wanted}
    wrong = [name for name, value in wanted.items() if found[name] != value]
    problem = f"its fields contradict its event: {', '.join(sorted(wrong))}" if wrong else ""
    return Copy(seq, hash_of(event), problem)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value
