"""The pages of one run: hears its events and its output, and shows them where Prefect's users look.

Nothing here holds the run up or fails it: events and output are taken without waiting, artifacts are sent beside the
run, and what the server does not take is missing, which is said once. Imports no Prefect before a run is shown.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from runner.compiler.plan.model import Plan
from runner.flow.pages import counter, papers, words
from runner.flow.pages.counter import Counter
from runner.flow.pages.ledger import Ledger
from runner.flow.pages.lines import Lines
from runner.run.event import Event
from runner.run.ports import RunState, Stream

if TYPE_CHECKING:
    from uuid import UUID

    from runner.flow.pages.sender import Sender

_log = logging.getLogger(__name__)
#: Seconds between two looks at how far the run is; a run that ends before the first needs none.
_PROGRESS = 3.0
#: Seconds between two batches of lines.
_LINES = 1.0
#: Seconds that the end of a run waits for its last artifacts.
_PATIENCE = 8.0


class Shown(counter.Shown, Protocol):
    """Where the pages of a run are: a flow run, and a task run for each leg that has begun."""

    @property
    def flow_run(self) -> UUID: ...
    def task_run(self, key: str) -> UUID | None:
        """The task run of the leg with that key."""
        ...


class Pages:
    """Give `event` and `text` to the run, and let it go on inside `shown`."""

    def __init__(self, before: Iterable[Event] = (), state: Path | None = None) -> None:
        """`before` are the events of the run, and of those below it, that an earlier process has made. What the run
        asks can be answered in the pages where its `state` folder is given.
        """
        self._before = tuple(before)
        self._state = state
        self._showing: _Showing | None = None
        self._told = False

    def event(self, event: Event) -> None:
        """Take a committed event. Does not wait, does not raise."""
        if self._showing is not None:
            try:
                self._showing.event(event)
            except Exception as error:  # noqa: BLE001 - what is shown of a run must not end it
                self._missing(error)

    def text(self, key: str, stream: Stream, text: str) -> None:
        """Take a piece of masked output of a leg, `step/leg` for one of a run below. Does not wait, does not raise."""
        if self._showing is not None:
            try:
                self._showing.text(key, stream, text)
            except Exception as error:  # noqa: BLE001
                self._missing(error)

    @asynccontextmanager
    async def shown(self, plan: Plan, run: str, where: Shown) -> AsyncIterator[None]:
        """The run is shown there until the context ends; inside of it, `end` shows how it ended."""
        from runner.flow.pages.sender import Sender

        ledger = Ledger(plan, run)
        for event in self._before:
            ledger.hear(event)
        asking = Counter(run, where, self._state) if self._state is not None else None
        if asking is not None and counter.heard(self._before, asking).has_news:
            await self._safely(lambda: asyncio.wait_for(asking.look_back(), _PATIENCE))
        self._showing = showing = _Showing(ledger, where, Sender(where.flow_run), asking)
        showing.begun = asyncio.ensure_future(self._safely(showing.begin))
        beside = (
            showing.begun,
            asyncio.ensure_future(self._safely(showing.accompany)),
            asyncio.ensure_future(self._send_lines(showing)),
            *([] if asking is None else [asyncio.ensure_future(self._ask(asking))]),
        )
        try:
            yield
        finally:
            for each in beside:
                each.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    async def end(self, state: RunState) -> None:
        """Show how the run ended. Returns after `_PATIENCE` seconds at the latest."""
        showing = self._showing
        if showing is not None:
            await self._safely(lambda: asyncio.wait_for(showing.end(state), _PATIENCE))

    async def _send_lines(self, showing: _Showing) -> None:
        """Send what has been said, now and then; a batch that is lost is no reason to lose the next. Never ends."""
        while True:
            await asyncio.sleep(_LINES)
            await self._safely(showing.flush)

    async def _ask(self, asking: Counter) -> None:
        """Show what the run asks, and take the answers. Never ends."""
        while True:
            await asking.wait()
            await self._safely(asking.tick)

    async def _safely(self, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001
            self._missing(error)

    def _missing(self, error: Exception) -> None:
        """Say once that something is not shown. The text of the error stays out: it may hold the server's address."""
        if not self._told:
            self._told = True
            _log.warning("Prefect's pages do not show all of the run: %s", type(error).__name__)


class _Showing:
    """One run in one flow run. Raises what the server answers with."""

    def __init__(self, ledger: Ledger, where: Shown, sender: Sender, asking: Counter | None) -> None:
        self._ledger = ledger
        self._where = where
        self._sender = sender
        self._asking = asking
        self._lines = Lines()
        self._progress: UUID | None = None
        self._overview: UUID | None = None
        #: The artifact of the plan, on its way.
        self.begun: asyncio.Future[None] | None = None

    # ------------------------------------------------------------ artifacts

    async def begin(self) -> None:
        """Show the plan."""
        await self._sender.create(papers.plan_paper(self._ledger.plan))

    async def accompany(self) -> None:
        """Show how far the run is, every few seconds in which that changes. Never ends."""
        seen, previews = (-1, 0), 0
        while True:
            await asyncio.sleep(_PROGRESS)
            if (now := self._ledger.done()) != seen:
                seen = now
                await self._advance(f"{now[0]} of {now[1]} steps ended")
            if len(self._ledger.previews) != previews:
                previews = len(self._ledger.previews)
                await self._show_overview(None)

    async def end(self, state: RunState) -> None:
        """Show how it ended. One request after another: a server on SQLite makes those wait that come together."""
        if self.begun is not None:
            await self.begun
        if self._asking is not None:
            await self._asking.end(state)
        await self.flush()
        for paper in (papers.steps_paper(self._ledger), papers.milestones_paper(self._ledger)):
            if paper is not None:
                await self._sender.create(paper)
        await self._show_overview(state)
        if self._progress is not None:
            done, known = self._ledger.done()
            await self._advance(f"{state}: {done} of {known} steps ended")

    async def _advance(self, words: str) -> None:
        done, known = self._ledger.done()
        percent = round(100 * done / known, 1) if known else 100.0
        key = f"{papers.slug(self._ledger.plan)}-progress"
        self._progress = await self._sender.progress(self._progress, key, percent, words)

    async def _show_overview(self, state: RunState | None) -> None:
        paper = papers.run_paper(self._ledger, state)
        if self._overview is None:
            self._overview = await self._sender.create(paper)
        else:
            await self._sender.change(self._overview, paper)

    # ------------------------------------------------------------ lines

    async def flush(self) -> None:
        """Send the lines that wait."""
        await self._sender.flush()

    def event(self, event: Event) -> None:
        """Note an event, and say what is to be said of it."""
        self._ledger.hear(event)
        if self._asking is not None:
            self._asking.hear(event)
        if event.run != self._ledger.run:
            return
        key = event.step or ""
        if event.type in _OUTPUT_IS_OVER:
            for stream, line in self._lines.rest(key):
                self._line(key, stream, logging.INFO, line)
        level, text = words.sentence(event)
        if text:
            self._line(key, "runner", level, text)

    def text(self, key: str, stream: Stream, text: str) -> None:
        """Show the lines that are whole."""
        for line in self._lines.feed(key, stream, text):
            self._line(key, stream, logging.INFO, line)

    def _line(self, key: str, name: str, level: int, text: str) -> None:
        task_run, rest = self._task_run(key)
        self._sender.line(task_run, name, level, f"{rest} │ {text}" if rest else text)

    def _task_run(self, key: str) -> tuple[UUID | None, str]:
        """The task run in whose log a leg's line belongs, and the rest of the key: a leg of a run below has none of its
        own.
        """
        at = len(key)
        while at > 0:
            if (found := self._where.task_run(key[:at])) is not None:
                return found, key[at + 1 :]
            at = key.rfind("/", 0, at)
        return None, key


#: After these, no more output of the attempt comes.
_OUTPUT_IS_OVER = frozenset(
    {"step.succeeded", "step.failed", "step.cancelled", "step.retrying", "step.repeated", "step.paused"}
)
