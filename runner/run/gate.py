"""The gate before a provider: never more boxes at once, nor more made in a second, than its account may have.

What the account may is known (`Account`), or learned from a refusal (429). One gate serves all runs of a family, so
that their steps wait in one line instead of being refused together and asking again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from runner.compiler.plan.choose import Account, Fact
from runner.errors import QuotaExhausted, RateLimited
from runner.run.ports import Clock

#: Seconds between two looks of the first in line, and after which a limit that was learned is tried again.
LOOK = 1.0
PROBE = 5.0
#: So much more time than the pace asks for lies between two requests: none arrives too early on its way.
_MARGIN = 1.05
#: Boxes that may be asked for at the same moment at first: one more after each success, half as many after a refusal.
WINDOW = 8
#: Seconds to leave a provider alone that had too many requests and does not say for how long.
PAUSE = 1.0
#: So much faster is a pace that was learned after each success: it is what the provider wanted at one moment.
_RECOVERY = 1.1
_HINT = "Let fewer sandboxes share a run, free boxes that nobody needs, or take a larger plan."

#: Called with a sentence when a place has to be waited for.
Tell = Callable[[str], None]


class Place:
    """A box, or the request for one. A `passing` box is freed when its step ends; others live as long as the run."""

    __slots__ = ("live", "passing")

    def __init__(self, *, passing: bool) -> None:
        self.passing = passing
        self.live = False


class Gate:
    """The places of one account. `title` is what its provider is called."""

    def __init__(self, title: str, account: Account, clock: Clock) -> None:
        self._title = title
        self._most = account.boxes
        self._fastest = self._pace = account.creates
        self._clock = clock
        self._places: dict[Place, None] = {}
        self._line: deque[asyncio.Event] = deque()
        self._learned: int | None = None
        self._probe = 0.0
        self._next = 0.0
        self._window = float(WINDOW)

    async def enter(self, tell: Tell, *, passing: bool, patient: bool = True) -> Place:
        """Wait until a box may be asked for, first come, first served. Every place is given back by `leave`.

        Raises QuotaExhausted when the account is full of boxes that no step's end will free, and, unless `patient`,
        whenever it is full.
        """
        if self._line or self._full() or self._crowded():
            await self._turn(tell, patient)
        place = Place(passing=passing)
        self._places[place] = None
        try:
            await self._paced(tell)
        except BaseException:
            self.leave(place)
            raise
        return place

    @contextmanager
    def asking(self, place: Place) -> Iterator[None]:
        """Inside the block a box is asked for; without one at its end, the place is given back."""
        try:
            yield
        finally:
            if not place.live:
                self.leave(place)

    def keep(self, place: Place) -> None:
        """The box for which the place was taken is live."""
        place.live = True
        self._window += 1
        if self._pace is not None:
            faster = self._pace * _RECOVERY
            self._pace = faster if self._fastest is None else min(faster, self._fastest)
        if self._learned is not None:
            self._learned = max(self._learned, self._living())
        self._wake()

    def admit(self) -> Place:
        """A box of a process before this one has a place, whether there is room or not."""
        place = Place(passing=False)
        self._places[place] = None
        self.keep(place)
        return place

    def leave(self, place: Place) -> None:
        """The box is gone, or there never was one. Twice is fine."""
        self._places.pop(place, None)
        self._wake()

    def refused(self, place: Place, error: QuotaExhausted) -> bool:
        """Learn from a refusal, and give the place back; whether waiting in line again leads to a box by itself."""
        self.leave(place)
        self._window = max(1.0, min(self._window, len(self._places) - self._living() + 1) / 2)
        now = self._clock.now()
        if isinstance(error, RateLimited):
            wait = error.retry_after or PAUSE
            self._pace = 1 / wait if self._pace is None else min(self._pace, 1 / wait)
            self._next = max(self._next, now + wait)
            return True
        self._learned = max(1, self._living())
        self._probe = now + PROBE
        return self._moving()

    @property
    def stuck(self) -> bool:
        """Whether the account is full of boxes that no step's end will free."""
        return self._full() and not self._moving()

    # ------------------------------------------------------------ inside

    def _living(self) -> int:
        return sum(place.live for place in self._places)

    def _moving(self) -> bool:
        """Whether a place will be free by itself: a box is being made, or is one that its step frees."""
        return any(place.passing or not place.live for place in self._places)

    def _crowded(self) -> bool:
        """Whether enough boxes are being asked for at this moment."""
        return len(self._places) - self._living() >= self._window

    def _limit(self) -> int | None:
        learned = self._learned
        if learned is not None and self._clock.now() >= self._probe:
            learned += 1
        known = [limit for limit in (self._most, learned) if limit is not None]
        return min(known, default=None)

    def _full(self) -> bool:
        limit = self._limit()
        return limit is not None and len(self._places) >= limit

    async def _turn(self, tell: Tell, patient: bool) -> None:
        mine = asyncio.Event()
        self._line.append(mine)
        try:
            while self._line[0] is not mine or self._full() or self._crowded():
                if self._full() and not (patient and self._moving()):
                    about = f"{self._title}: {self._limit()} boxes at once are the limit, and this run holds them all"
                    raise QuotaExhausted(about, _HINT)
                if self._full():
                    tell(f"{self._title}: {self._limit()} boxes at once are the limit")
                mine.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK):  # `wait_for` may lose a cancellation
                        await mine.wait()
        finally:
            self._line.remove(mine)
            self._wake()

    async def _paced(self, tell: Tell) -> None:
        if self._pace is None:
            return
        now = self._clock.now()
        at = max(self._next, now)
        self._next = at + _MARGIN / self._pace
        if at > now:
            tell(f"{self._title}: {self._pace:g} boxes made in a second are the limit")
            await self._clock.sleep(at - now)

    def _wake(self) -> None:
        for waiting in self._line:
            waiting.set()


class Gates:
    """The gate of each provider, made when it is first asked for."""

    def __init__(self, facts: Mapping[str, Fact], clock: Clock) -> None:
        self._facts = facts
        self._clock = clock
        self._gates: dict[str, Gate] = {}

    def of(self, provider: str) -> Gate:
        """The gate of a provider."""
        if provider not in self._gates:
            account = self._facts[provider].account if provider in self._facts else Account()
            self._gates[provider] = Gate(provider, account, self._clock)
        return self._gates[provider]
