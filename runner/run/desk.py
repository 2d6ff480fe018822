"""Where the requests of people reach the run that they are for: answers to its questions, pauses, the end of it.

Each is taken once: what became of it is in the journal before its file goes, and whoever finds a file whose request is
in the journal only removes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, cast

from runner.compiler.canonical import Json
from runner.errors import StoreError
from runner.run import questions
from runner.run.clock import iso
from runner.run.event import Event
from runner.run.interrupt import Control, uninterrupted
from runner.run.journal import Journal
from runner.run.ports import Clock
from runner.run.questions import Answer, OnTimeout
from runner.run.requests import Inbox, Request

#: Seconds between two looks at the requests.
LOOK = 0.25
#: Seconds that a wait for a deadline sleeps at most: a clock may be set, a machine may have slept.
NAP = 60.0


class Desk:
    """The desk of one run. `below` tells of each leg that is a run itself for which of its questions it waits, as long
    as nothing else of it moves.
    """

    def __init__(self, inbox: Inbox, journal: Journal, control: Control, clock: Clock) -> None:
        self._inbox = inbox
        self._journal = journal
        self._control = control
        self._clock = clock
        self._done: set[str] = set()
        self._news: dict[str, asyncio.Event] = {}
        self.below: dict[str, Callable[[], list[str]]] = {}

    async def take_up(self, events: Iterable[Event]) -> None:
        """Go on after a process before this one: requests that it took are not taken again, answers that came since
        then count, and a pause that nobody was there for is over. Raises StoreError.
        """
        self._done = {str(event.data["request"]) for event in events if event.data.get("request")}
        await self._look(resumed=True)

    async def watch(self, idle: Callable[[], list[str]]) -> None:
        """Look for requests for as long as the run goes on. When `idle` names legs, the run waits for people only, and
        nobody wants it to: it is paused.
        """
        while True:
            await asyncio.sleep(LOOK)
            with suppress(StoreError):  # whoever writes the run's next event hears of it
                await self._look()
            if names := idle():
                self._control.pause(f"it waits for the decision of a person: {names_of(names)}")

    async def decision(self, key: str) -> dict[str, Json]:
        """Wait until the question about a leg is answered, or its time is over. Raises StoreError."""
        news = self._news.setdefault(key, asyncio.Event())
        while (found := questions.decision(self._journal.document("step", key))) is None:
            end = questions.until(self._journal.document("step", key))
            left = None if end is None else end - self._clock.now()
            if left is None:
                await news.wait()
            elif left > 0:
                await _first(news.wait(), self._clock.sleep(min(left, NAP)))
            else:
                await self._look()  # an answer that was given in time counts
                self._expire(key)
        return found

    def waits(self, key: str) -> list[str]:
        """The questions that a leg waits for: its own, or all of those of the run below that it is."""
        leg = self._journal.document("step", key)
        if questions.is_open(leg):
            return [key]
        inside = self.below[key]() if leg["state"] == "running" and key in self.below else []
        return [f"{key}/{name}" for name in inside]

    # ------------------------------------------------------------ inside

    async def _look(self, *, resumed: bool = False) -> None:
        for request in self._inbox.waiting():
            if request.id not in self._done:
                self._done.add(request.id)
                self._take(request, resumed)
            await self._journal.sync()
            self._inbox.remove(request)

    def _take(self, request: Request, resumed: bool) -> None:
        told: dict[str, Json] = {"request": request.id, "action": request.action, "by": request.by}
        told |= {"at": iso(request.at), "comment": request.comment}
        step = request.step or None
        why_not = self._answer(request) if step else self._press(request, resumed)
        if why_not:
            self._journal.note(self._journal.fact("request.refused", {**told, "reason": why_not}, step))
        elif not step:
            self._journal.note(self._journal.fact("request.taken", told))

    def _press(self, request: Request, resumed: bool) -> str:
        """Do what somebody asks of the whole run; or why not."""
        comment = f": {request.comment}" if request.comment else ""
        if request.action == "cancel":
            self._control.stop(f"cancelled by {request.by}{comment}")
            return ""
        if request.action != "pause":
            return "it names no step"
        if resumed:
            return "the run was not going on"
        self._control.pause(f"paused by {request.by}{comment}")
        return ""

    def _answer(self, request: Request) -> str:
        """Answer a question; or why the request is no answer."""
        leg = self._journal.documents("step").get(request.step)
        if leg is None or request.action not in ("approve", "reject"):
            return "there is no such step, or nothing that could be decided about it so"
        if wrong := questions.unfit(leg, request.action, request.question, request.at):
            return wrong
        values: dict[str, Json] = {}
        if request.action == "approve":
            values, faults = questions.values_of(leg, request.values)
            if faults:
                return "; ".join(faults)
        self._decide(
            request.step,
            Answer(request.action, request.by, request.at, request.comment, values, request.id),
        )
        return ""

    def _expire(self, key: str) -> None:
        """The time for an answer is over: `on_timeout` decides, unless somebody has."""
        leg = self._journal.document("step", key)
        if not questions.is_open(leg):
            return
        end, wanted = cast("float", questions.until(leg)), cast("OnTimeout", questions.asked(leg)["on_timeout"])
        values, faults = questions.values_of(leg, {}) if wanted == "approve" else ({}, [])
        if faults:
            self._decide(key, Answer("fail", None, end, f"it cannot be approved so: {'; '.join(faults)}"))
        else:
            self._decide(key, Answer(wanted, None, end, values=values))

    def _decide(self, key: str, answer: Answer) -> None:
        questions.decide(self._journal, key, answer)
        self._news.setdefault(key, asyncio.Event()).set()


def names_of(names: list[str]) -> str:
    """The first few names, for people."""
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


async def _first(*work: Coroutine[Any, Any, object]) -> None:
    """Return when the first of these has ended; the others are ended then."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await uninterrupted(_settled(tasks))


async def _settled(tasks: list[asyncio.Task[object]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
