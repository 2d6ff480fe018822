"""What an answer of SurrealDB says: results, or one of the ways in which a query can fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.store.failure import translated

_ABORTED = "The query was not executed due to a failed transaction"
_HEAD = "runner:head:"


class Again(Exception):
    """The transaction lost a race and may be repeated. `head` is where the journal stands, if that was the reason."""

    def __init__(self, text: str, head: tuple[int, str] | None = None) -> None:
        super().__init__(text)
        self.head = head


class Refused(Exception):
    """The commit query threw this text."""


def results(where: Path | str, answer: dict[str, Any]) -> list[Any]:
    """The result of each statement. Raises StoreError and below, Again, Refused: of a failed transaction the one real
    reason, which only one of its statements has.
    """
    if "error" in answer:
        error = answer["error"]
        raise failure(where, str(error["message"] if isinstance(error, dict) and "message" in error else error))
    failed = [str(part["result"]) for part in answer["result"] if part["status"] != "OK"]
    if failed:
        raise failure(where, next((text for text in failed if text != _ABORTED), failed[0]))
    return [part["result"] for part in answer["result"]]


def failure(where: Path | str, text: str) -> Exception:
    """The exception for what the engine said."""
    thrown = text.find("runner:")
    if text[thrown:].startswith(_HEAD):
        seq, _, digest = text[thrown:].removeprefix(_HEAD).partition(":")
        return Again(text, (int(seq), digest) if digest else None)
    if "can be retried" in text:
        return Again(text)
    if thrown >= 0:
        return Refused(text[thrown:])
    return translated(where, text)
