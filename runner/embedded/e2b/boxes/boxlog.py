"""What a box has to say for itself: its life's events, its agent's complaints, its start command's output."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field

from runner.records import dataclass

#: Entries and characters that one box keeps, and characters of one that has ended; the oldest go first.
KEPT = 2_000
KEPT_SIZE = 256 * 1024
KEPT_AFTERWARDS = 16 * 1024
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

    @property
    def size(self) -> int:
        """Characters, and what an entry takes up beside them."""
        return len(self.message) + sum(len(key) + len(value) for key, value in self.fields.items()) + 50


class BoxLog:
    """The log of one box."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._size = 0

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries))

    def say(self, message: str, level: str = "info", **fields: str) -> None:
        """Add an entry of now."""
        entry = Entry(time.time(), level, message[:_LONGEST], fields)
        self._entries.append(entry)
        self._size += entry.size
        self.shrink(KEPT_SIZE)

    def follow(self, earlier: BoxLog) -> None:
        """Put the entries of an earlier log before these: of a box that rested and is there again."""
        self._entries.extendleft(reversed(earlier._entries))
        self._size += earlier._size
        self.shrink(KEPT_SIZE)

    def shrink(self, size: int) -> None:
        """Keep the newest entries, of so many characters together."""
        while self._entries and (self._size > size or len(self._entries) > KEPT):
            self._size -= self._entries.popleft().size

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
