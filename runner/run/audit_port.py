"""The port of the audit log: the searchable copy of all journals, and what is asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from runner.records import dataclass
from runner.run.event import Event

Severity = Literal["info", "warning", "error"]
SearchMode = Literal["lexical", "hybrid", "semantic"]


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What is looked for among events: those that have every condition given, the best first; without words, the newest
    first. `step` is a step's id or a leg's key; of `types` and `severities` one has to hold (none: any); `since` and
    `until` are as the `ts` of events, the first inclusive; `limit` counts from 1.
    """

    words: str = ""
    mode: SearchMode = "lexical"
    run: str | None = None
    step: str | None = None
    agent: str | None = None
    provider: str | None = None
    types: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = ()
    since: str | None = None
    until: str | None = None
    limit: int = 20


@dataclass(frozen=True, slots=True)
class AuditHit:
    """An event that was found; `score` grows with how well it fits, None without words."""

    event: Event
    score: float | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a delivery: how many events the audit log has now, and which it refused for what they are, each
    with the reason.
    """

    accepted: tuple[Event, ...]
    refused: tuple[tuple[Event, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Copy:
    """An event as the audit log has it: the hash as its contents give it now, and what is wrong with the copy itself
    (nothing: an empty text).
    """

    seq: int
    hash: str
    problem: str = ""


class AuditLog(Protocol):
    """A searchable copy of all journals. Errors: AuditOffline when nothing answers and the same call may be served
    later, AuditRefused when it is there and will not, for its settings, keys or rights.
    """

    @property
    def name(self) -> str:
        """What and where it is, for people; without keys."""
        ...

    async def open(self) -> None:
        """Connect, and make what is missing. Opening an open log does nothing."""
        ...

    async def close(self) -> None: ...
    async def deliver(self, events: Sequence[Event], anew: bool = False) -> Delivery:
        """Write these events, those that are there already once more: delivering twice is the same as once. `anew` for
        events that it should have and does not give: what is left of them is taken away first.
        """
        ...

    async def search(self, query: AuditQuery) -> list[AuditHit]:
        """Events that fit."""
        ...

    async def copies(self, run: str) -> list[Copy]:
        """All events of a run that it has, in order."""
        ...

    async def counts(self) -> dict[str, int]:
        """How many events it has of each run."""
        ...

    async def forget(self, run: str, seq: int) -> None:
        """Remove the events of a run up to this number."""
        ...
