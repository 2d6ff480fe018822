"""One task run per leg, with real edges, inside a running Prefect flow.

Prefect's usual way into a task (`task(wait_for=…)`) walks the results of everything upstream and opens
a transaction for a result that we keep elsewhere: about 12 ms a step. Here the task run is made with its edges
in it, and Prefect's task engine only carries it from state to state: about 3 ms. That is engine API, so it is
used for the versions of Prefect it was read in, and others get the public way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import prefect
from prefect import Task, allow_failure
from prefect.client.schemas.objects import FlowRunResult, State, TaskRun, TaskRunPolicy, TaskRunResult
from prefect.context import FlowRunContext, TaskRunContext
from prefect.states import Cancelled, Completed, Failed, Pending
from prefect.task_engine import AsyncTaskRunEngine

from runner.compiler.plan.model import Leg, Plan, PlanStep
from runner.flow.pages.names import tags, task_run_name
from runner.run.ports import LegOutcome, RunState

#: Releases whose task engine was read and tested; the tests fail when the installed one is not among them.
ENGINE_VERSIONS = ("3.8.",)

_log = logging.getLogger(__name__)
_Body = Callable[[], Awaitable[LegOutcome]]


def current_flow_run() -> tuple[str, datetime]:
    """The id of the flow run that is current, and when it was created. Raises RuntimeError outside of one."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("there is no flow run here")
    about = context.flow_run
    return str(about.id), about.created or about.expected_start_time or datetime.fromtimestamp(0, UTC)


def fast_path() -> bool:
    """Whether the installed Prefect is one whose task engine may be driven directly."""
    return prefect.__version__.startswith(ENGINE_VERSIONS)


class PrefectHost:
    """The StepHost of a Prefect flow run. Make it inside the flow: it shows its legs in the run that is current."""

    def __init__(self, plan: Plan, fast: bool | None = None) -> None:
        context = FlowRunContext.get()
        if context is None or context.flow_run is None:
            raise RuntimeError("a PrefectHost lives inside a running Prefect flow")
        self._plan = plan
        self.flow_run: UUID = context.flow_run.id
        self._fast = fast_path() if fast is None else fast
        self._states: dict[str, State[Any]] = {}
        self._tasks: dict[str, Task[..., Any]] = {}
        self._shown: dict[str, UUID | None] = {}
        self._stand_ins: dict[str, UUID] = {}
        #: Keys of the legs that failed and were not allowed to.
        self.failed: list[str] = []

    async def leg(self, step: PlanStep, leg: Leg, upstream: Sequence[str], body: _Body) -> LegOutcome:
        """Run `body` as a task run named `ref key: title`, with an edge from the task run of each leg in `upstream`.

        The task run ends as the leg does. What `body` raises comes out of here, cancellation too, after the
        task run got its final state. Upstream legs that never came here (a run that is being stopped) have no edge.
        """
        inner, labels = _Recorded(body), tags(self._plan, step)
        upstream = [key for key in upstream if key in self._shown]
        if self._fast:
            self._shown[leg.key] = self._id(leg.key)
            engine = _LegEngine(self._task(step), self._task_run(step, leg, upstream), labels)
            await engine.carry(inner)
        else:
            self._shown[leg.key] = None

            def begun(task_run: TaskRun) -> None:
                self._shown[leg.key] = task_run.id
                task_run.tags = labels

            name = _literal(task_run_name(step, leg))
            task: Task[..., Any] = Task(inner.telling(begun), name=leg.key, task_run_name=name, persist_result=False)
            before = [allow_failure(self._states[key]) for key in upstream if key in self._states]
            self._states[leg.key] = await task(wait_for=before, return_state=True)
        outcome = inner.outcome()
        if outcome.state == "failed" and not step.allow_failure:
            self.failed.append(leg.key)
        return outcome

    def task_run(self, key: str) -> UUID | None:
        """The task run of the leg with that key, None before it has begun."""
        return self._shown.get(key)

    def above(self, key: str) -> UUID | None:
        """The leg's task run, if a flow run can be shown below it: only where its edges are made here, for the graph
        has the flow run in its place.
        """
        return self.task_run(key) if self._fast else None

    def stands_for(self, key: str, flow_run: UUID, parent: UUID | None) -> None:
        """Legs that come after the leg have their edges from the flow run that is shown below its task run."""
        if parent == self._id(key):
            self._stand_ins[key] = flow_run

    async def name_run(self, name: str) -> None:
        """Rename the flow run. It matters to readers only: a server that does not take the name is no error."""
        try:
            async with prefect.get_client() as client:
                await client.set_flow_run_name(self.flow_run, name)
        except Exception as error:  # noqa: BLE001
            _log.info("the flow run keeps its name: %s", type(error).__name__)

    def _task(self, step: PlanStep) -> Task[..., Any]:
        if step.id not in self._tasks:
            self._tasks[step.id] = Task(_nothing, name=step.id, description=step.title or None, persist_result=False)
        return self._tasks[step.id]

    def _task_run(self, step: PlanStep, leg: Leg, upstream: Sequence[str]) -> TaskRun:
        state: State[Any] = Pending()
        now: Any = state.timestamp  # Prefect has two names for one type of time
        edges = [self._edge(key) for key in upstream]
        return TaskRun(
            id=self._id(leg.key),
            name=task_run_name(step, leg),
            flow_run_id=self.flow_run,
            task_key=f"{self._plan.name}.{step.id}",
            dynamic_key=leg.key,
            task_version=self._plan.digest[:12] or None,
            task_inputs={"needs": list(edges)} if edges else {},
            # Shown, and never acted on: retries are the scheduler's.
            empirical_policy=TaskRunPolicy(retries=step.retry.attempts - 1, retry_delay=step.retry.delay),
            expected_start_time=now,
            state_id=state.id,
            state_type=state.type,
            state_name=state.name,
            state=state,
            created=now,
            updated=now,
        )

    def _edge(self, key: str) -> TaskRunResult | FlowRunResult:
        stand_in = self._stand_ins.get(key)
        return TaskRunResult(id=self._id(key)) if stand_in is None else FlowRunResult(id=stand_in)

    def _id(self, key: str) -> UUID:
        """The task run's id follows from the run and the leg: a second attempt at the flow run meets the same rows."""
        return uuid5(self.flow_run, key)


class _LegEngine(AsyncTaskRunEngine[..., Any]):
    """Prefect's task engine without its way of calling a function: no parameters, no transaction, no result."""

    def __init__(self, task: Task[..., Any], task_run: TaskRun, labels: list[str]) -> None:
        super().__init__(task=task, task_run=task_run, parameters={})
        self._labels = labels

    async def begin_run(self) -> None:
        # Tags only from here on: before, Prefect asks its server for a concurrency slot of every tag (two requests
        # a step, and a step that cannot start while the server is away).
        if self.task_run is not None:
            self.task_run.tags = self._labels
        await super().begin_run()

    async def carry(self, inner: _Recorded) -> None:
        """From Running to the state that `inner` returns."""
        async with self.start():
            await self.set_state(await inner())


class _Recorded:
    """A body that returns a State and never raises; what happened is kept for `outcome`."""

    def __init__(self, body: _Body) -> None:
        self._body = body
        self._outcome: LegOutcome | None = None
        self._error: BaseException | None = None

    async def __call__(self) -> State[Any]:
        try:
            self._outcome = await self._body()
        except asyncio.CancelledError as error:
            self._error = error
            return Cancelled(message="stopped")
        except Exception as error:  # noqa: BLE001 - raised again by `outcome`, when the task run has ended
            # Its text may hold anything; Prefect would keep it, and log the traceback.
            self._error = error
            return Failed(message=f"runner failed: {type(error).__name__}")
        return leg_state(self._outcome)

    def telling(self, begun: Callable[[TaskRun], None]) -> Callable[[], Coroutine[Any, Any, State[Any]]]:
        """The body as a task function that hands out its own task run first."""

        async def run() -> State[Any]:
            if (context := TaskRunContext.get()) is not None:
                begun(context.task_run)
            return await self()

        return run

    def outcome(self) -> LegOutcome:
        """What the body returned; raises what it raised."""
        if self._error is not None:
            raise self._error
        if self._outcome is None:
            raise RuntimeError("Prefect did not call the body of a leg")
        return self._outcome


async def _nothing() -> None:
    """What a task of ours would do if Prefect called it."""


def leg_state(outcome: LegOutcome) -> State[Any]:
    """The final state of a leg's task run."""
    match outcome.state:
        case "succeeded":
            return Completed(message=outcome.message or None)
        case "skipped":
            return Completed(name="Skipped", message=outcome.message or "skipped")
        case "cancelled":
            return Cancelled(message=outcome.message or "stopped")
        case "paused":
            return Cancelled(name="Paused", message=outcome.message)
        case _:
            return Failed(message=outcome.message or f"the step ended {outcome.state}")


def run_state(state: RunState, failed: Sequence[str] = ()) -> State[Any]:
    """The final state of the flow run; `failed` are the keys of the legs to blame."""
    match state:
        case "succeeded":
            return Completed(message="every step that had to succeed did")
        case "cancelled":
            return Cancelled(message="the run was stopped")
        case "paused":
            # Nothing of it goes on, and nothing is done: for Prefect that is an end, and no success.
            return Failed(name="Paused", message=f"the run is paused: {', '.join(failed)}".removesuffix(": "))
        case _:
            return Failed(message=f"failed: {', '.join(failed)}" if failed else f"the run ended {state}")


def _literal(text: str) -> str:
    """A name for Prefect's template of task run names: braces would be fields."""
    return text.replace("{", "{{").replace("}", "}}")
