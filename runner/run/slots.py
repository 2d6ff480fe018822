"""Places among the legs that may run at the same time, given to the most urgent first."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

#: Who goes first: the smaller. For a leg the negative of its priority, then its place in the plan.
Rank = tuple[int, ...]


class Slots:
    """`free` places. A place is given away in the next turn of the loop at the earliest, so that all who become ready
    in the same moment are ranked; among equals, the first to ask goes first.
    """

    def __init__(self, free: int) -> None:
        self._free = free
        self._tickets = count()
        self._waiting: list[tuple[Rank, int, asyncio.Future[None]]] = []

    @property
    def busy(self) -> bool:
        """Whether somebody has to wait, or is waiting."""
        return self._free == 0 or bool(self._waiting)

    def waits_before(self, rank: Rank) -> bool:
        """Whether somebody is waiting who goes before that rank."""
        return any(other < rank and not place.done() for other, _, place in self._waiting)

    async def acquire(self, rank: Rank = ()) -> None:
        """Wait for a place."""
        loop = asyncio.get_running_loop()
        place: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._waiting, (rank, next(self._tickets), place))
        loop.call_soon(self._give)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # the place was given in the same moment: it goes to somebody else
                self.release()
            raise

    def release(self) -> None:
        """Give a place back."""
        self._free += 1
        asyncio.get_running_loop().call_soon(self._give)

    def _give(self) -> None:
        while self._free and self._waiting:
            place = heapq.heappop(self._waiting)[2]
            if not place.done():
                self._free -= 1
                place.set_result(None)


class Slot:
    """One place, which may be given back and taken again; giving it back twice is fine. With `kept` it is not lent to
    others meanwhile.
    """

    def __init__(self, slots: Slots, rank: Rank = (), *, kept: bool = False) -> None:
        self._slots = slots
        self._rank = rank
        self._kept = kept
        self._held = False

    async def take(self) -> None:
        """Wait for a place."""
        if not self._held:
            await self._slots.acquire(self._rank)
            self._held = True

    def lend(self) -> None:
        """Let another leg run until the place is taken again."""
        if not self._kept:
            self.give_back()

    def give_back(self) -> None:
        """Let another leg run."""
        if self._held:
            self._held = False
            self._slots.release()
