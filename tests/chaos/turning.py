"""An event loop whose time is its own: when nothing is left to do now, it is at once the moment of what comes next.

Threads are done with before they begin, so that the same schedule has the same course.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class _Turning(selectors.SelectSelector):
    """Waits for nothing: what would be waited for moves the time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.at_each: Callable[[bool], None] = lambda _: None

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found and timeout is not None and timeout > 0:
            self.now += timeout
        self.at_each(timeout is None and not found)
        return found


class _AtOnce(ThreadPoolExecutor):
    """Does the work where it is asked for."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whoever waits for it gets it
            done.set_exception(error)
        return done


class TurningLoop(asyncio.SelectorEventLoop):
    """Seconds since it was made, by `time`; none of them passes for whoever looks at a clock."""

    def __init__(self) -> None:
        self._turning = _Turning()
        super().__init__(self._turning)
        self.set_default_executor(_AtOnce(1))
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._turning.now

    def turn(self, until: Callable[[], bool], most: int) -> bool:
        """Go on until something holds, at most so many turns, or until nothing is left to do; whether it holds."""
        left = most

        def look(idle: bool) -> None:
            nonlocal left
            left -= 1
            if idle or left <= 0 or until():
                self.stop()

        self._turning.at_each = look
        try:
            self.run_forever()
        finally:
            self._turning.at_each = lambda _: None
        return until()


class LoopClock:
    """A Clock of runs by such a loop; `skew` seconds are added, as on a machine whose clock was set."""

    def __init__(self, loop: TurningLoop) -> None:
        self._loop = loop
        self.skew = 0.0

    def now(self) -> float:
        return 1_800_000_000.0 + self._loop.time() + self.skew

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def random(self) -> float:
        return 0.5
