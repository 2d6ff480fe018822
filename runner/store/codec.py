"""How documents and events are kept: as canonical JSON text, in every store.

A database's own types change what goes through them. SurrealDB drops `None` inside objects, cuts timestamps, turns
integers from 2^63 on negative and does not keep 1.0 apart from 1; any of these would break the hash chain or hand
back another document than the one written. So the whole value is one string, the very bytes that were hashed, and the
few columns beside it exist only to search by; they are never read back as truth. The memory store keeps the same
text, so that it cannot be kinder than the real one (a caller that changes a dict later changes no record).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from runner.compiler.canonical import Json, canonical
from runner.run.event import Event, EventDraft, seal
from runner.run.ports import Change

#: Where a run's journal stands before its first event.
Head = tuple[int, str]


def encode(data: dict[str, Json]) -> str:
    """A document as canonical JSON text. Raises ValueError for NaN, infinities and lone surrogates, TypeError for
    what JSON cannot hold.
    """
    return canonical(data).decode()


def decode(text: str) -> dict[str, Json]:
    """The document that `encode` was given."""
    value: dict[str, Json] = json.loads(text)
    return value


def encode_event(event: Event) -> str:
    """An event, all fields, as canonical JSON text."""
    return encode(event.to_json())


def decode_event(text: str) -> Event:
    """The event that `encode_event` was given."""
    return Event.from_json(decode(text))


def seal_all(run: str, head: Head, drafts: Sequence[EventDraft]) -> list[Event]:
    """Give each draft its place after `head`, as it will be read back (tuples became lists)."""
    seq, prev = head
    sealed = []
    for draft in drafts:
        seq += 1
        event = decode_event(encode_event(seal(draft, run, seq, prev)))
        prev = event.hash
        sealed.append(event)
    return sealed


def check_changes(run: str, changes: Sequence[Change]) -> list[str | None]:
    """The documents of `changes` as text, None for a record that stays as it is.

    Raises ValueError for a change that no store can hold.
    """
    for change in changes:
        if change.table == "run" and change.key != run:
            raise ValueError(f"a commit to run {run} cannot change run {change.key}")
        if change.table == "workflow" and (change.rev or change.data is None):
            raise ValueError(f"the version {change.key} of a workflow is what it is: it can only be made")
        if change.rev < 0:
            raise ValueError(f"a revision counts from 0, not {change.rev}")
        change.key.encode()  # a lone surrogate has no bytes
    return [None if change.data is None else encode(change.data) for change in changes]


def conflict(run: str, change: Change, found: int) -> str:
    """The sentence of a StoreConflict."""
    what = f"run {run}" if change.table == "run" else f"{change.table} {change.key!r} of run {run}"
    if change.rev == 0:
        return f"{what} exists already (revision {found})"
    return f"{what} has revision {found}, not {change.rev}: somebody else moved it"
