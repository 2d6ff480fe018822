"""What a box has to say for itself: its life's events, its agent's complaints, its start command's output."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

#: Entries that one box keeps; the oldest go first.
KEPT = 2_000
#: The longest message, in characters.
_LONGEST = 8_192
#: Levels from the least to the most (`LogLevel` of the vendor's API).
LEVELS = ("debug", "info", "warn", "error")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing said: when (Unix time), how grave, what, and fields such as `logger`."""

    when: float
    level: str
    message: str
    fields: Mapping[str, str] = field(default_factory=dict)


class BoxLog:
    """The log of one box."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries))

    def say(self, message: str, level: str = "info", **fields: str) -> None:
        """Add an entry of now."""
        self._entries.append(Entry(time.time(), level, message[:_LONGEST], fields))

    def lines(self, **fields: str) -> Callable[[str], None]:
        """Something that takes text as it comes in pieces, and adds an entry for each line that is whole."""
        rest = ""

        def hear(text: str) -> None:
            nonlocal rest
            *whole, rest = (rest + text).split("\n")
            for line in whole:
                self.say(line, **fields)
            if len(rest) > _LONGEST:
                self.say(rest, **fields)
                rest = ""

        return hear
