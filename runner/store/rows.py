"""Rows of the state store in SurrealDB: what goes into them and what comes out, without the SDK."""

from __future__ import annotations

import re
from typing import Any

from runner.errors import JournalBroken, StoreError
from runner.run.event import Event
from runner.run.ports import Change, Record
from runner.store.codec import decode, decode_event


def key_text(text: str) -> str:
    """A key as the engine can hold it, without NUL, in record ids and in answers. `unkeyed` gives it back."""
    return text.replace("\\", "\\\\").replace("\0", "\\0")


def unkeyed(text: str) -> str:
    """What `key_text` was given."""
    return re.sub(r"\\(.)", lambda match: "\0" if match[1] == "0" else match[1], text)


def content(run: str, change: Change, text: str | None, number: int) -> dict[str, object] | None:
    """A row: the document as text, the fields to search by, the number of the commit; None for a record that stays."""
    if text is None:
        return None
    data = change.data or {}
    found = {"state": data.get("state"), "created_at": data.get("created_at", data.get("first_seen"))}
    columns = {name: key_text(value) if isinstance(value, str) else "" for name, value in found.items()}
    named = {"run": key_text(run), "key": key_text(change.key), "rev": change.rev + 1}
    return {**named, "body": text, "txn": number, **columns}


def record(row: dict[str, Any]) -> Record:
    """The document of a row. Raises StoreError when it cannot be read."""
    key = unkeyed(row["key"])
    try:
        return Record(key, row["rev"], decode(row["body"]))
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"the document {key!r} of run {unkeyed(row['run'])} was changed from outside and cannot be read",
            "Restore the state folder from a backup.",
        ) from error


def count(rows: list[Any]) -> int:
    """What a query that counts has found: where there is nothing to count it has no row."""
    return int(rows[0]["count"]) if rows else 0


def linked(row: dict[str, Any]) -> Event:
    """The event that a row of the outbox or of the dead letters points to."""
    return event_of(row["body"], unkeyed(row["event"].id[0]), row["event"].id[1])


def event_of(body: str, run: str, seq: int) -> Event:
    """The event of a row. Raises JournalBroken when it cannot be read."""
    try:
        return decode_event(body)
    except (ValueError, TypeError) as error:
        raise JournalBroken(
            f"run {run}: event {seq} was changed after it was written and cannot be read",
            "Restore the state folder from a backup.",
        ) from error
