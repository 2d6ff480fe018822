"""Steps that run another workflow: a run of its own below this one, in the same process."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Callable, Collection, Mapping
from typing import Protocol, cast

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
from runner.run.interrupt import FINAL, Control, Paused, uninterrupted
from runner.run.journal import Journal
from runner.run.kept import Kept, load
from runner.run.ports import RunState, StateStore
from runner.run.state import FINAL as FINAL_STATES
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


#: Makes a run of a plan, ready to live: a new one, or one that was begun before.
Start = Callable[[Plan, Prepared, Parent, Control, Kept | None], Child]


@dataclass(frozen=True, slots=True)
class Below:
    """What runs below a run are made of: the workflows that its steps, and theirs, may start, by `key_of`; where the
    runs are written; `start` makes one.
    """

    prepared: Mapping[str, Prepared]
    store: StateStore
    start: Start


def key_of(plan: Plan, step: PlanStep) -> str:
    """By which name a step's workflow was prepared: its path from the working folder, with `#NAME` where it has one."""
    path = posixpath.join(posixpath.dirname(plan.source.get("path", "")), str(step.action["path"]))
    return posixpath.normpath(path)


class Children:
    """Runs other workflows below this run, whose button `control` is."""

    def __init__(self, plan: Plan, below: Below, values: Values, journal: Journal, control: Control) -> None:
        self._plan = plan
        self._below = below
        self._values = values
        self._journal = journal
        self._control = control
        #: The runs that were begun for legs, here or by a process before this one, and whose ends the legs have not
        #: heard of, by the legs' keys.
        self._unfinished: dict[str, str] = {}

    async def take_up(self, unended: Collection[str]) -> None:
        """Find the runs that a process before this one began: those that have not ended, whatever became of their legs,
        and those of legs whose last attempt is `unended`. Raises StoreError.
        """
        for key, leg in self._journal.documents("step").items():
            child = leg["child"]
            # It was told before it began: it may not be there.
            record = await self._below.store.get(child, "run", child) if isinstance(child, str) else None
            if record is not None and (key in unended or record.data["state"] not in FINAL_STATES):
                self._unfinished[key] = record.key

    async def make(self, step: PlanStep, leg: Leg, number: int, trace: Trace) -> Result:
        """Attempt a leg: start a run and wait for its end; its outputs are the leg's.

        Raises InputsWrong, ExpressionFailed, CommandTimeout, RunFailed, ProviderError, StoreError; Paused.
        """
        prepared = self._below.prepared[key_of(self._plan, step)]
        plan = self._planned(prepared, step, self._inputs(step, leg))
        control = Control()
        parent = Parent(self._journal.run, step, leg.key, number)
        child = self._below.start(plan, prepared, parent, control, await self._begun(plan, leg))
        trace.child = child.id
        data: dict[str, Json] = {"run": child.id, "name": plan.name, "spec": plan.source.get("path", "")}
        fact = self._journal.fact("step.delegated", data, leg.key, number)
        self._journal.put("step", leg.key, {"child": child.id}, fact)
        await self._journal.sync()
        trace.began = True
        self._unfinished[leg.key] = child.id
        with self._control.above(control):
            state = await self._ended(child, control, step, leg)
        if state == "paused":
            self._control.pause(child.failure()[0])
            raise Paused
        if state != "succeeded":
            raise _failed(child, plan, state)
        return self._results(child.made(), step, leg)

    async def _begun(self, plan: Plan, leg: Leg) -> Kept | None:
        """The run that was begun for the leg before; None where there is none, or of another plan."""
        run = self._unfinished.get(leg.key)
        kept = None if run is None else await load(self._below.store, run)
        return kept if kept is not None and kept.document["plan_digest"] == plan.digest else None

    async def end_rest(self) -> None:
        """End the runs whose legs have ended without them: the leg was stopped before it went on with its run. Raises
        StoreError.
        """
        ends = [step for step in (self._plan.on_failure, self._plan.finally_) if step is not None]
        legs = [(step, leg) for step in (*self._plan.steps, *ends) for leg in self._values.legs(step)]
        for step, leg in legs:
            run, state = self._unfinished.get(leg.key), self._journal.document("step", leg.key)["state"]
            if run is not None and state in FINAL_STATES:
                await self._end(step, leg, await load(self._below.store, run))

    async def _end(self, step: PlanStep, leg: Leg, kept: Kept) -> None:
        """End a run as cancelled. Its `finally` runs if what was given to it is known, and nobody is in a hurry."""
        prepared, document = self._below.prepared[key_of(self._plan, step)], self._journal.document("step", leg.key)
        reason = f"the step {leg.key} of run {self._journal.run} ended without it"
        control = Control()
        control.stop(reason)
        try:
            plan = self._planned(prepared, step, self._inputs(step, leg))
        except (ExpressionFailed, InputsWrong):
            plan = prepared.plan
        if plan.digest != kept.document["plan_digest"] or self._control.stopped(FINAL):
            control.stop(reason)
        parent = Parent(self._journal.run, step, leg.key, cast("int", document["attempt"]))
        with self._control.above(control):
            await self._below.start(plan, prepared, parent, control, kept).live()

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
                return self._heard(leg, life.result())
            control.stop_once(f"the step {leg.key} of run {self._journal.run} timed out")
            await asyncio.wait({life})
        except asyncio.CancelledError:
            control.stop_once(f"the step {leg.key} of run {self._journal.run} was stopped")
            await uninterrupted(asyncio.wait({life}))
            if life.exception() is None:
                self._heard(leg, life.result())
            raise
        self._heard(leg, life.result())
        raise CommandTimeout(
            f"run {child.id} of {step.action['path']} did not end within {step.timeout:g} seconds and was stopped",
            f"runner status {child.id}",
        )

    def _heard(self, leg: Leg, state: RunState) -> RunState:
        """Take note that a run has ended, or only rests."""
        if state != "paused":
            del self._unfinished[leg.key]
        return state

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
