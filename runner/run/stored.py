"""What the state store holds beside documents and events: edges, leases, what the audit log has not got, what retention
has left.
"""

from __future__ import annotations

from typing import Literal

from runner.records import dataclass
from runner.run.event import Event


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """How two documents of a run are connected; `source` and `target` are their keys.

    `used`: the run and one of its boxes · `produced`: a leg and an artifact · `consumed`: an artifact and a leg that it
    was handed to.
    """

    kind: Literal["used", "produced", "consumed"]
    source: str
    target: str


#: How many edges a lineage goes, in either direction.
FARTHEST = 256


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a leg or an artifact was made of, and what was made of it: edges, sorted."""

    upstream: tuple[Edge, ...]
    downstream: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that the audit log refused for what it is: `reason` in its words, `since` as the `ts` of events."""

    event: Event
    reason: str
    since: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """What the audit log has not got yet: events that wait, the `ts` of the oldest of them, refused events."""

    waiting: int
    oldest: str | None
    dead: int


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left after retention: the number and the hash of the last event that was removed, the moment, and the
    rule that asked for it. `place` says from where it was removed. The rest of a journal follows that hash.
    """

    run: str
    place: Literal["journal", "audit"]
    seq: int
    hash: str
    since: str
    reason: str


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a run for a while: who has it, and for how many seconds more by the store's own clock, which
    is below 0 when it ran out.
    """

    holder: str
    seconds: float
