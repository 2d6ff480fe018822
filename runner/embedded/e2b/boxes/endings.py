"""Why boxes have ended: remembered, so that whoever asks for one that is gone hears the reason."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from runner.embedded.e2b.boxes.boxlog import KEPT_AFTERWARDS, BoxLog
from runner.records import dataclass

#: So many ended boxes are remembered.
REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Ending:
    """One ended box: why and when (Unix time), and what its log held."""

    reason: str
    when: float
    log: BoxLog


class Endings:
    """The last boxes that ended."""

    def __init__(self) -> None:
        self._of: dict[str, Ending] = {}

    def note(self, name: str, reason: str, log: BoxLog) -> None:
        """Remember why a box has ended; the first reason is the true one."""
        log.shrink(KEPT_AFTERWARDS)
        if name not in self._of:
            self._of[name] = Ending(reason, time.time(), log)
            while len(self._of) > REMEMBERED:
                self._of.pop(next(iter(self._of)))

    def forget(self, name: str) -> None:
        """A box of that name lives."""
        self._of.pop(name, None)

    def find(self, name: str) -> Ending | None:
        """How this box has ended; None for one that never was, or so long ago that it is forgotten."""
        return self._of.get(name)

    def why(self, name: str) -> str:
        """The reason as the rest of a sentence that says that it was not found: empty, or `: ` and the reason."""
        ending = self._of.get(name)
        return "" if ending is None else f": {ending.reason} at {rfc3339(ending.when)}"


def rfc3339(when: float) -> str:
    """A Unix time as the wire writes it."""
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
