"""Stopping and pausing a run: who asks for it, what is stopped at which level, and what may not be interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

#: The level of stopping at which work ends: steps at the first request, the final step at the second.
STEPS = 1
FINAL = 2
#: The level of work that no stop ends by itself: whatever it is part of is stopped.
NEVER = 3


class Stopped(Exception):
    """Work was ended because somebody stopped the run: a signal inside this room, never shown."""


class Paused(Exception):
    """Work did not begin, or not again, because the run is paused: a signal inside this room, never shown."""


class Control:
    """The stop button of a run. Pressing it twice also ends the `finally` step; more changes nothing.

    `failed` says that the stop is the run's failure, not somebody's wish. `paused` is why nothing new may begin, ""
    while it may: a paused run ends when what had begun has ended.
    """

    def __init__(self) -> None:
        self.level = 0
        self.reason = ""
        self.failed = False
        self.paused = ""
        self._work: dict[asyncio.Task[Any], tuple[int, bool, tuple[str, ...]]] = {}
        self._groups: dict[str, str] = {}
        self._below: list[Control] = []

    def stop(self, reason: str) -> None:
        """Stop the run: running commands are killed, boxes freed, events written."""
        self.reason = self.reason or reason
        self.level = min(self.level + 1, FINAL)
        if self.level == FINAL:
            for below in self._below:
                below.stop_once(reason)
                below.stop(reason)
        self._press()

    def fail(self, reason: str) -> None:
        """Stop the run as failed, unless it is being stopped."""
        self.failed = self.failed or self.level == 0
        self.stop_once(reason)

    def pause(self, reason: str) -> None:
        """Let nothing new begin, here and in the runs below; the first reason counts."""
        self.paused = self.paused or reason
        for below in self._below:
            below.pause(reason)
        self._press()

    def stop_once(self, reason: str) -> None:
        """Stop the run unless it is being stopped: the second time, which also ends `finally`, is for people."""
        if self.level == 0:
            self.stop(reason)

    @contextmanager
    def above(self, below: Control) -> Iterator[None]:
        """Inside the block, pressing this button twice also presses that of a run below.

        The first time is the business of whoever started the run below: the work that waits for it is stopped.
        """
        self._below.append(below)
        if self.paused:
            below.pause(self.paused)
        try:
            yield
        finally:
            self._below.remove(below)

    def stop_group(self, group: str, reason: str) -> None:
        """Stop the work of one group (a leg, or all legs of a step with `fail_fast`) and leave the rest alone."""
        self._groups.setdefault(group, reason)
        self._press()

    def _press(self) -> None:
        for task, (level, idle, groups) in list(self._work.items()):
            if self.stopped(level, *groups) or (idle and self.paused):
                task.cancel()

    def stopped(self, level: int, *groups: str) -> bool:
        """Whether work of that level and of these groups must end."""
        return self.level >= level or any(group in self._groups for group in groups)

    def why(self, *groups: str) -> str:
        """The reason to tell for work of these groups."""
        told = (self._groups[group] for group in groups if group in self._groups)
        return self.reason or next(told, "the run ended early")

    async def guard(
        self,
        work: Coroutine[Any, Any, T],
        level: int,
        *groups: str,
        idle: bool = False,
        undo: Callable[[T], None] | None = None,
    ) -> T:
        """Do the work until its end or until it is stopped. Raises Stopped then, after its cleanup is done.

        `idle` work is only waiting for something to begin: Paused is raised when the run is paused. When the caller
        itself is cancelled, so is the work, and CancelledError goes on; `undo` gets the result of work that ended in
        the same moment, which nobody else will get.
        """
        if self.stopped(level, *groups) or (idle and self.paused):
            work.close()
            raise self._signal(level, *groups)
        task = asyncio.ensure_future(work)
        self._work[task] = (level, idle, groups)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            try:
                await uninterrupted(asyncio.wait({task}))
            finally:
                if not task.cancelled() and task.exception() is None and undo is not None:
                    undo(task.result())
            raise
        finally:
            del self._work[task]
        if task.cancelled():
            raise self._signal(level, *groups)
        return task.result()

    async def waiting(self, work: Coroutine[Any, Any, T], undo: Callable[[T], None] | None = None) -> T:
        """Wait for something inside guarded work. Raises Paused when the run is paused meanwhile."""
        return await self.guard(work, NEVER, idle=True, undo=undo)

    def _signal(self, level: int, *groups: str) -> Stopped | Paused:
        return Paused() if self.paused and not self.stopped(level, *groups) else Stopped()


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Do the work to its end, however often the caller is cancelled meanwhile; CancelledError is raised afterwards."""
    task = asyncio.ensure_future(work)
    interrupted = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            interrupted = True
    result = task.result()
    if interrupted:
        raise asyncio.CancelledError
    return result
