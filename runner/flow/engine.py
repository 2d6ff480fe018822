"""The Prefect engine: a run is a flow run, a leg is a task run, and both are seen in Prefect's pages.

Importing this module imports no Prefect; `PrefectEngine.run` does.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runner.compiler.canonical import Json
from runner.compiler.plan.model import Plan
from runner.errors import EngineUnavailable
from runner.flow.address import api_url, reachable
from runner.flow.form import parameters
from runner.flow.pages.pages import Pages
from runner.flow.settings import prefect_settings
from runner.run.event import Event
from runner.run.ports import RunState, StepHost, Stream
from runner.run.setup import Setup

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun, State
    from prefect.flows import Flow

    from runner.flow.legs import PrefectHost

__all__ = ["CurrentFlow", "PrefectEngine", "api_url", "reachable"]

_log = logging.getLogger(__name__)
_Body = Callable[[StepHost], Awaitable[RunState]]


class PrefectEngine:
    """Runs are shown and supervised by the Prefect server at `url`.

    One object may run many plans, one after another or at once. `patience` is how many seconds the end of a run
    waits for a server that went away, and for the senders in the background. `pages` show one run, whose events and
    output they get from the caller.
    """

    name = "prefect"

    def __init__(self, url: str | None, patience: float = 10.0, pages: Pages | None = None) -> None:
        self._url = url
        self._patience = patience
        self._pages = pages

    def showing(self, pages: Pages) -> PrefectEngine:
        """The engine with the pages of one run."""
        return PrefectEngine(self._url, self._patience, pages)

    async def run(self, plan: Plan, run: str, body: _Body) -> RunState:
        """Call `body` once inside a flow run named after the run, and return what it returned.

        Raises EngineUnavailable before `body` was called when no API answers; what `body` raises
        comes out of here, cancellation too, after the flow run got its final state. A server that goes
        away later does not stop the run: steps need no answer from it.
        """
        if importlib.util.find_spec("prefect") is None:
            raise EngineUnavailable("Prefect is not installed", "pip install 'runner[prefect]', or --engine local")
        url = self._url
        if url is None or not await reachable(url):
            where = f"no Prefect API answers on {url}" if url else "no Prefect server is up"
            raise EngineUnavailable(where, "runner up, or --engine local")
        with prefect_settings(url):
            call = _Call(plan, body, url, self._patience, (run, self._pages or Pages()))
            try:
                await _flow_run(plan, run, call)
            finally:
                await _send_rest(self._patience if not call.lost else 0.0)
        return call.result()


class CurrentFlow:
    """The engine of a run that Prefect itself started (a worker, `flow.serve`, a call of the flow): its flow run is
    there already, and legs become its task runs. `pages` show the run, as PrefectEngine's do.
    """

    name = "prefect"

    def __init__(self, pages: Pages | None = None) -> None:
        self._pages = pages or Pages()

    async def run(self, plan: Plan, run: str, body: _Body) -> RunState:
        """Call `body` inside the flow run that is current, which takes the name that `runner status` shows."""
        from runner.flow.legs import PrefectHost

        host = PrefectHost(plan)
        await host.name_run(f"{run} {plan.name}")
        async with self._pages.shown(plan, run, host):
            state: RunState = "failed"
            try:
                state = await body(host)
            except asyncio.CancelledError:
                state = "cancelled"
                raise
            finally:
                await self._pages.end(state)
        return state


class _Call:
    """The body as a flow's function: called once, never raises, keeps what happened."""

    def __init__(self, plan: Plan, body: _Body, url: str, patience: float, pages: tuple[str, Pages]) -> None:
        self._plan = plan
        self._body = body
        self._url = url
        self._patience = patience
        self._run_id, self._pages = pages
        self._before = _sigterm()
        self._state: RunState | None = None
        self._error: BaseException | None = None
        self.called = False
        #: The server went away during the run and did not come back: Prefect's page of the run stays behind.
        self.lost = False

    async def __call__(self, inputs: dict[str, Json]) -> State[Any]:
        from prefect.exceptions import Abort

        from runner.flow.legs import PrefectHost

        host = PrefectHost(self._plan)
        async with self._pages.shown(self._plan, self._run_id, host):
            state = await self._run(host)
            if not await _answers_within(self._url, self._patience):
                self.lost = True
                raise Abort  # ends the flow without telling the server: Prefect would try for minutes
            await self._pages.end(self._state or ("cancelled" if state.is_cancelled() else "failed"))
        return state

    async def _run(self, host: PrefectHost) -> State[Any]:
        from prefect.states import Failed

        from runner.flow.legs import run_state

        self.called = True
        try:
            with _own_sigterm(self._before):
                self._state = await self._body(host)
        except asyncio.CancelledError as error:
            self._error = error
            return run_state("cancelled")
        except Exception as error:  # noqa: BLE001 - raised again by `result`, when the flow run has ended
            self._error = error
            return Failed(message=f"runner failed: {type(error).__name__}")
        return run_state(self._state, host.failed)

    def result(self) -> RunState:
        """What the body returned; raises what it raised."""
        if self._error is not None:
            raise self._error
        if self._state is None:
            raise EngineUnavailable("Prefect refused to start the flow run", "runner up, or --engine local")
        return self._state


async def _flow_run(plan: Plan, run: str, call: _Call) -> None:
    from prefect.exceptions import Abort
    from prefect.flow_engine import run_flow_async

    from runner.flow.build import build_flow

    values = parameters(plan, plan.inputs)
    flow = build_flow(plan, call)
    try:
        flow_run = await _create(flow, f"{run} {plan.name}", values)
        await run_flow_async(flow=flow, flow_run=flow_run, parameters=dict(values), return_type="state")
    except (Exception, Abort) as error:
        if not call.called:
            raise _refused(error) from error
        # The steps have run and our own store knows how they ended; only Prefect's page of the run is behind.
        why = "went away" if call.lost else f"did not take the end of the run ({type(error).__name__})"
        _log.warning("the Prefect server %s: its page of run %s does not show how it ended", why, run)


def _refused(error: BaseException) -> EngineUnavailable:
    """Why there is no flow run. The text of the error stays out: it may hold the address with its credentials."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        hint = "set PREFECT_API_KEY or PREFECT_API_AUTH_STRING, or use --engine local"
        return EngineUnavailable(f"the Prefect API asks for credentials ({status})", hint)
    reason = f"status {status}" if status else type(error).__name__
    return EngineUnavailable(
        f"the Prefect API does not take the run: {reason}", "runner down && runner up, or --engine local"
    )


async def _answers_within(url: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not await reachable(url):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.5)
    return True


async def _send_rest(seconds: float) -> None:
    """Deliver the states and logs still in Prefect's background queues, as far as the server takes them in time."""
    from prefect.events.worker import EventsWorker

    # Despite its name it asks all of Prefect's background senders to end, the one of the logs too.
    drained = EventsWorker.drain_all(timeout=seconds, at_exit=False)
    if asyncio.iscoroutine(drained):
        await drained


async def _create(flow: Flow[..., Any], name: str, parameters: dict[str, Any]) -> FlowRun:
    from prefect.client.orchestration import get_client
    from prefect.states import Pending

    async with get_client() as client:
        return await client.create_flow_run(
            flow=flow, name=name, parameters=parameters, state=Pending(), tags=["runner"]
        )


def _sigterm() -> Any:
    return signal.getsignal(signal.SIGTERM) if threading.current_thread() is threading.main_thread() else None


@contextmanager
def _own_sigterm(handler: Any) -> Iterator[None]:
    """Keep the program's own handler of SIGTERM while the body runs.

    Prefect replaces it by one that raises in the middle of whatever the loop is doing; a program that has a
    handler (runner's command line cancels the run and frees its boxes) means it.
    """
    if handler in (None, signal.SIG_DFL):
        yield
        return
    prefects = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, prefects)


def in_pages(setup: Setup, before: Sequence[Event] = ()) -> Setup:
    """The setup of a run that its engine's pages show too, where that has any, beside whoever hears of it already.
    `before` are the events that an earlier process of the run, and of those below it, has made.
    """
    if not isinstance(setup.engine, PrefectEngine):
        return setup
    pages, on_event, on_text = Pages(before, setup.state), setup.on_event, setup.on_text

    def event(fact: Event) -> None:
        pages.event(fact)
        if on_event is not None:
            on_event(fact)

    def text(key: str, stream: Stream, piece: str) -> None:
        pages.text(key, stream, piece)
        if on_text is not None:
            on_text(key, stream, piece)

    return replace(setup, engine=setup.engine.showing(pages), on_event=event, on_text=text)
