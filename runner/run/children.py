"""Steps that run another workflow: a run of its own below this one, in the same process."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Callable, Mapping
from typing import Protocol

from runner.compiler.canonical import Json
from runner.compiler.compile import Compilation, with_inputs
from runner.compiler.plan.model import Leg, Plan, PlanStep
from runner.errors import (
    CommandTimeout,
    ExpressionFailed,
    InputsWrong,
    ProviderError,
    RunFailed,
    RunnerError,
    UsageError,
)
from runner.records import dataclass
from runner.run import outputs
from runner.run.attempt import Result, Trace, announce
from runner.run.interrupt import Control, Paused, uninterrupted
from runner.run.journal import Journal
from runner.run.kept import Kept
from runner.run.ports import RunState
from runner.run.values import Values, filled

#: Stands for the home folder of a box where there is none: a value with it in it is an artifact's folder.
NO_HOME = "/\N{BULLET}no-box\N{BULLET}"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A workflow that steps run: compiled, its plan with default inputs, and the values of its secrets by name."""

    compiled: Compilation
    plan: Plan
    secrets: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Parent:
    """Which attempt of which leg started a run, and how urgent the step of that leg is."""

    run: str
    step: PlanStep
    leg: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Made:
    """What a run hands on to the step that started it: outputs, and artifacts (digest, bytes, files)."""

    outputs: dict[str, Json]
    artifacts: dict[str, dict[str, Json]]


class Child(Protocol):
    """A run below another one."""

    @property
    def id(self) -> str:
        """The run's id."""
        ...

    async def live(self) -> RunState:
        """The run, to its end. Raises StoreError."""
        ...

    def made(self) -> Made:
        """What it hands on, after it succeeded."""
        ...

    def failure(self) -> tuple[str, bool]:
        """Its message, and whether nothing but providers of boxes failed."""
        ...


#: Makes a run of a plan, ready to live: a new one, or one that a process before this one began.
Start = Callable[[Plan, Prepared, Parent, Control, Kept | None], Child]


def key_of(plan: Plan, step: PlanStep) -> str:
    """By which name a step's workflow was prepared: its path from the working folder, with `#NAME` where it has one."""
    path = posixpath.join(posixpath.dirname(plan.source.get("path", "")), str(step.action["path"]))
    return posixpath.normpath(path)


class Children:
    """Runs other workflows. `prepared` are all that steps of this run, and of the runs below, may start; `start` makes
    a run, `control` is the button of this one.
    """

    def __init__(
        self,
        plan: Plan,
        prepared: Mapping[str, Prepared],
        values: Values,
        journal: Journal,
        control: Control,
        start: Start,
    ) -> None:
        self._plan = plan
        self._prepared = prepared
        self._values = values
        self._journal = journal
        self._start = start
        self._control = control
        #: Runs that a process before this one began for legs which it did not end, by the legs' keys.
        self.unfinished: dict[str, Kept] = {}

    async def make(self, step: PlanStep, leg: Leg, number: int, trace: Trace) -> Result:
        """Attempt a leg: start a run and wait for its end; its outputs are the leg's.

        Raises InputsWrong, ExpressionFailed, CommandTimeout, RunFailed, ProviderError, StoreError; Paused.
        """
        prepared = self._prepared[key_of(self._plan, step)]
        plan = self._planned(prepared, step, self._inputs(step, leg))
        control = Control()
        parent = Parent(self._journal.run, step, leg.key, number)
        child = self._start(plan, prepared, parent, control, self._begun(plan, leg))
        trace.child = child.id
        data: dict[str, Json] = {"run": child.id, "name": plan.name, "spec": plan.source.get("path", "")}
        fact = self._journal.fact("step.delegated", data, leg.key, number)
        self._journal.put("step", leg.key, {"child": child.id}, fact)
        await self._journal.sync()
        trace.began = True
        with self._control.above(control):
            state = await self._ended(child, control, step, leg)
        if state == "paused":
            self._control.pause(child.failure()[0])
            raise Paused
        if state != "succeeded":
            raise _failed(child, plan, state)
        return self._results(child.made(), step, leg)

    def _begun(self, plan: Plan, leg: Leg) -> Kept | None:
        """The run that a process before this one began for the leg; None where there is none, or of another plan."""
        kept = self.unfinished.pop(leg.key, None)
        return kept if kept is not None and kept.document["plan_digest"] == plan.digest else None

    async def recovers(self, step: PlanStep, leg: Leg, error: RunnerError) -> bool:
        """Never: the policies had their say in the run below."""
        return False

    def _inputs(self, step: PlanStep, leg: Leg) -> dict[str, Json]:
        given = filled(step.action.get("with"), self._values.variables(step, leg, NO_HOME))
        found = given if isinstance(given, dict) else {}
        for name, value in found.items():
            if holds_folder(value):
                raise ExpressionFailed(
                    f"the input {name} of {step.action['path']} is an artifact: that run's boxes do not have its files",
                    "Hand on a value instead, or let that workflow make the files itself.",
                )
        return found

    def _planned(self, prepared: Prepared, step: PlanStep, inputs: dict[str, Json]) -> Plan:
        try:
            return with_inputs(prepared.compiled, inputs)
        except UsageError as error:
            told = self._journal.mask.text(error.message)
            raise InputsWrong(f"{step.action['path']}: {told}", error.hint) from error

    async def _ended(self, child: Child, control: Control, step: PlanStep, leg: Leg) -> RunState:
        """How the run ended. Stopping the step, or its timeout, stops the run, and waits for its `finally`."""
        life = asyncio.ensure_future(child.live())
        try:
            await asyncio.wait({life}, timeout=step.timeout)
            if life.done():
                return life.result()
            control.stop_once(f"the step {leg.key} of run {self._journal.run} timed out")
            await asyncio.wait({life})
        except asyncio.CancelledError:
            control.stop_once(f"the step {leg.key} of run {self._journal.run} was stopped")
            await uninterrupted(asyncio.wait({life}))
            raise
        life.result()
        raise CommandTimeout(
            f"run {child.id} of {step.action['path']} did not end within {step.timeout:g} seconds and was stopped",
            f"runner status {child.id}",
        )

    def _results(self, made: Made, step: PlanStep, leg: Leg) -> Result:
        mask = self._journal.mask
        typed = {name: decl for name, decl in step.outputs.items() if decl.schema is not None}
        checked = outputs.check({name: made.outputs[name] for name in typed if name in made.outputs}, typed, mask)
        result = Result({**made.outputs, **checked})
        for name, about in made.artifacts.items():
            result.artifacts[name] = announce(self._journal, leg, name, about)
        return result


def _failed(child: Child, plan: Plan, state: RunState) -> RunFailed | ProviderError:
    message, only_providers = child.failure()
    hint = f"runner status {child.id}"
    told = f"run {child.id} of {plan.name} " + ("was stopped" if state == "cancelled" else "failed")
    told += f": {message}" if message else ""
    return ProviderError(told, hint) if only_providers else RunFailed(told, hint)


def holds_folder(value: Json) -> bool:
    """Whether a value made with `NO_HOME` names the folder of an artifact, at any depth."""
    if isinstance(value, str):
        return NO_HOME in value
    if isinstance(value, list):
        return any(holds_folder(inner) for inner in value)
    return isinstance(value, dict) and any(holds_folder(inner) for inner in value.values())
