"""What a command prints, on its way to who follows it, and kept while nobody does."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

#: A listener that is this many bytes behind stops the reading, and so in the end the command. It is less than what is
#: kept, so that nothing is lost when such a listener leaves.
BEHIND = 768 * 1024
#: Bytes that are kept of one command, and of all commands together, while nobody listens.
KEPT = 1024 * 1024
KEPT_OF_ALL = 16 * 1024 * 1024
#: Small pieces of one stream that wait are passed on together, up to so many bytes.
TOGETHER = 64 * 1024
#: What may still come when reading has been stopped: a piece of each stream.
_MARGIN = 256 * 1024


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: as `os.waitstatus_to_exitcode` says it, negative for a signal."""

    code: int

    @property
    def status(self) -> str:
        """The sentence that the vendor's agent writes."""
        if self.code >= 0:
            return f"exit status {self.code}"
        return f"signal: {signal.strsignal(-self.code) or -self.code}".lower()


#: A piece of output with its stream's name.
Piece = tuple[str, bytes]
Item = Piece | Ended


class Listener:
    """One stream that follows a command; `wake` tells the command that there is room again."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._items: deque[Item] = deque()
        self._news = asyncio.Event()
        self._wake = wake
        self._in_hand: Piece | None = None
        self.behind = 0

    def put(self, item: Item) -> None:
        """Queue an item."""
        self._items.append(item)
        self._news.set()
        if not isinstance(item, Ended):
            self.behind += len(item[1])

    async def get(self) -> Item:
        """The next item: a piece of output with its stream's name, or the end. It counts as passed on when the next
        one is asked for.
        """
        while not self._items:
            self._news.clear()
            await self._news.wait()
        return self._taken()

    def ready(self) -> Item | None:
        """The next item if there is one already."""
        return self._taken() if self._items else None

    def unread(self) -> Iterator[Piece]:
        """What was not passed on, in order."""
        if self._in_hand is not None:
            yield self._in_hand
        while self._items:
            item = self._items.popleft()
            if not isinstance(item, Ended):
                yield item

    def _taken(self) -> Item:
        item = self._items.popleft()
        self._in_hand = None
        if not isinstance(item, Ended):
            item = self._in_hand = self._joined(item)
            was = self.behind
            self.behind -= len(item[1])
            if was > BEHIND >= self.behind:
                self._wake()
        return item

    def _joined(self, piece: Piece) -> Piece:
        """A piece with those behind it of the same stream: a command that prints line by line is faster than a client
        that takes message by message.
        """
        name, text = piece
        parts, size = [text], len(text)
        while self._items:
            following = self._items[0]
            if isinstance(following, Ended) or following[0] != name or size + len(following[1]) > TOGETHER:
                break
            parts.append(following[1])
            size += len(following[1])
            self._items.popleft()
        return (name, b"".join(parts)) if len(parts) > 1 else piece

    def passed(self) -> None:
        """The item taken last has gone out."""
        self._in_hand = None


class Allowance:
    """Bytes that all backlogs of a box may hold together. `reclaim` gives some up that are needed least, or says that
    there are none.
    """

    def __init__(self, limit: int = KEPT_OF_ALL, reclaim: Callable[[], bool] = lambda: False) -> None:
        self.left = limit
        self.reclaim = reclaim


class Backlog:
    """What a command printed while nobody listened. When it is full the oldest goes, and is counted."""

    def __init__(self, shared: Allowance, limit: int = KEPT) -> None:
        self._pieces: deque[Piece] = deque()
        self._shared = shared
        self._limit = limit
        self.size = 0
        self.dropped = 0

    @property
    def full(self) -> bool:
        """Whether more might push the oldest out."""
        return self.size > self._limit - _MARGIN or self._shared.left < _MARGIN

    def put(self, piece: Piece) -> None:
        """Keep a piece."""
        self._pieces.append(piece)
        self._grow(len(piece[1]))
        while self._shared.left < 0 and self._shared.reclaim():
            pass
        while self._pieces and (self.size > self._limit or self._shared.left < 0):
            name, oldest = self._pieces.popleft()
            surplus = max(self.size - self._limit, -self._shared.left)
            keep = oldest[surplus:]  # nothing when the piece is shorter
            self._grow(len(keep) - len(oldest))
            self.dropped += len(oldest) - len(keep)
            if keep:
                self._pieces.appendleft((name, keep))

    def take(self) -> Iterator[Piece]:
        """All pieces in order; they are not kept any longer."""
        while self._pieces:
            piece = self._pieces.popleft()
            self._grow(-len(piece[1]))
            yield piece

    def drop(self) -> None:
        """Keep nothing of it any longer."""
        self.dropped += sum(len(piece) for _, piece in self.take())

    def _grow(self, count: int) -> None:
        self.size += count
        self._shared.left -= count
