"""The counter where people answer a run's questions in Prefect's pages.

Each open question gets a paused flow run with a form. What somebody fills in goes to the run as `runner approve` does:
as a request in its inbox, which the run takes or refuses. A refusal is told above the form, which is shown again; an
answer from anywhere else ends the question here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from runner.flow.pages import slip as slips
from runner.flow.pages.slip import Said, Slip
from runner.records import dataclass
from runner.run.event import Event
from runner.run.ports import RunState
from runner.run.requests import Inbox, Request

if TYPE_CHECKING:
    from uuid import UUID

    from runner.flow.pages.paused import Standing

#: Seconds between two looks at the questions that are open.
LOOK = 1.0
#: Seconds that the task run of a question is waited for, so that its flow run can be shown below it.
_TASK_RUN = 10.0
_DECIDED = {"approve": ("COMPLETED", "Approved"), "reject": ("FAILED", "Rejected"), "fail": ("FAILED", "Unanswered")}
_STOPPED = ("CANCELLED", "Cancelled", "nobody has to answer any more: the step has ended")
_LEG_ENDS = frozenset({"step.succeeded", "step.failed", "step.skipped", "step.cancelled"})


class Shown(Protocol):
    """Where the task runs of a run are, as the counter needs to know it."""

    def above(self, key: str) -> UUID | None:
        """The task run of the leg with that key, if a flow run can be shown below it."""
        ...

    def stands_for(self, key: str, flow_run: UUID, parent: UUID | None) -> None:
        """In the graph a flow run takes the place of the task run that it is shown below, if that is the leg's."""
        ...


@dataclass(slots=True)
class _Open:
    """A question: its flow run, where there is one, and whether that is known to have its form; the request that
    brought the answer; how it ended (type, name and message of a state).
    """

    slip: Slip
    since: float
    flow_run: UUID | None = None
    formed: bool = False
    sent: str = ""
    end: tuple[str, str, str] | None = None


class Counter:
    """The questions of one run, and of those below it. `state` is the state folder."""

    def __init__(self, run: str, where: Shown, state: Path) -> None:
        self._where = where
        self._state = state
        self._paths = {run: ""}
        self._open: dict[tuple[str, str], _Open] = {}
        self._ended: list[_Open] = []
        self._refused: dict[str, str] = {}
        self._news = asyncio.Event()
        self._at_it = asyncio.Lock()

    def hear(self, event: Event) -> None:
        """Take the next event of the run, or of one below it."""
        step = event.step or ""
        if event.type == "step.delegated":
            self._paths[str(event.data.get("run"))] = f"{self._path(event.run, step)}/"
        elif event.type == "approval.asked":
            slip = slips.slip_of(event, self._path(event.run, step))
            self._open[event.run, step] = _Open(slip, time.monotonic())
            self._news.set()
        elif event.type == "request.refused":
            self._refused[str(event.data.get("request"))] = str(event.data.get("reason"))
        elif event.type == "approval.decided":
            decision, by = str(event.data.get("decision")), event.data.get("by")
            type_, name = _DECIDED[decision]
            comment = f": {event.data['comment']}" if event.data.get("comment") else ""
            self._end(event, (type_, name, (f"by {by}" if by else "nobody answered in time") + comment))
        elif event.type in _LEG_ENDS:
            self._end(event, _STOPPED)

    @property
    def has_news(self) -> bool:
        """Whether anything was asked, or decided, that the pages do not show."""
        return bool(self._open or self._ended)

    async def wait(self) -> None:
        """Return when there is something to do: with questions open, after `LOOK` seconds."""
        if not self.has_news:
            self._news.clear()
            await self._news.wait()
            return
        await asyncio.sleep(LOOK)

    async def look_back(self) -> None:
        """Take up what a process before this one has left in the pages: answers that came since then go to the run
        before it goes on. Raises what the server answers with, StoreError.
        """
        from runner.flow.pages import paused

        async with self._at_it:
            known = {each.slip.key: each for each in (*self._open.values(), *self._ended)}
            for standing in await paused.standings(keys=[*known]):
                question = known[standing.key]
                self._where.stands_for(question.slip.path, standing.id, standing.parent)
                question.flow_run = None if question.end is not None and standing.over else standing.id
                if question.end is None and not standing.open and not standing.over:
                    await self._take(question, standing)

    async def tick(self) -> None:
        """Show new questions, take answers, end what was decided. Raises what the server answers with, StoreError."""
        async with self._at_it:
            await self._close()
            for question in list(self._open.values()):
                if not question.formed:
                    await self._show(question)
            await self._answers()

    async def end(self, state: RunState) -> None:
        """The run has ended: nobody has to answer any more, unless it is paused. Raises as `tick`."""
        async with self._at_it:
            if state != "paused":
                for question in self._open.values():
                    question.end = _STOPPED
                    self._ended.append(question)
                self._open.clear()
            await self._close()

    # ------------------------------------------------------------ inside

    def _path(self, run: str, step: str) -> str:
        return f"{self._paths.get(run, '')}{step}"

    def _end(self, event: Event, end: tuple[str, str, str]) -> None:
        question = self._open.pop((event.run, event.step or ""), None)
        if question is not None:
            question.end = end
            self._ended.append(question)

    async def _close(self) -> None:
        from runner.flow.pages import paused

        while self._ended:
            question = self._ended[0]
            if question.flow_run is not None and question.end is not None:
                await paused.end(question.flow_run, *question.end)
            self._ended.pop(0)

    async def _show(self, question: _Open) -> None:
        """Make the flow run of a question, as soon as the server knows the task run that it belongs to."""
        from runner.flow.pages import paused

        slip = question.slip
        # Whether to repeat a step is asked beside its task run: the graph would show the question instead of the step.
        parent = self._where.above(slip.path) if slip.about == "approve" else None
        if slip.about == "approve" and (parent is None or not await paused.exists(parent)):
            if time.monotonic() - question.since < _TASK_RUN:
                return
            parent = None
        standing = await paused.make(slip, parent)
        question.flow_run, question.formed = standing.id, True
        self._where.stands_for(slip.path, standing.id, standing.parent)

    async def _answers(self) -> None:
        from runner.flow.pages import paused

        shown = {each.flow_run: each for each in self._open.values() if each.flow_run is not None}
        if not shown:
            return
        there = {standing.id: standing for standing in await paused.standings(ids=[*shown])}
        for id_, question in shown.items():
            if id_ not in there:  # somebody has deleted it
                question.flow_run, question.formed = None, False
            elif not there[id_].open:
                await self._take(question, there[id_])

    async def _take(self, question: _Open, standing: Standing) -> None:
        """Somebody did something to the flow run of a question: hand an answer on, or ask again."""
        from runner.flow.pages import paused

        slip = question.slip
        times, given = await paused.response(standing.id)
        said, wrong = (None, ["press Resume, and fill in the form"])
        if standing.state == "RUNNING" and given is not None:
            said, wrong = slips.answer(slip, given)
        if said is not None:
            request = _request(slip, said, standing)
            if request.id not in self._refused:
                if question.sent != request.id:
                    await asyncio.to_thread(Inbox(self._state, slip.run).write, request)
                    question.sent = request.id
                return
            wrong = [self._refused[request.id]]
        await paused.ask_again(standing.id, slip, times + 1, wrong)


def _request(slip: Slip, said: Said, standing: Standing) -> Request:
    """The answer as the run takes it. Its id follows from the answer: two processes that see it send it once."""
    at = standing.since
    id_ = f"{_nanoseconds(at):020d}-{standing.id.hex[:8]}"
    return Request(id_, said.action, said.by, at.timestamp(), slip.step, slip.question, said.comment, said.values)


def _nanoseconds(at: datetime) -> int:
    return round(at.timestamp() * 1e6) * 1000


def heard(events: Iterable[Event], counter: Counter) -> Counter:
    """The counter after what an earlier process of the run has made."""
    for event in events:
        counter.hear(event)
    return counter
