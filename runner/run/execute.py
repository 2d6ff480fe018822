"""A whole run: checks, documents, steps, the last steps, boxes freed, the end written down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from runner.compiler.canonical import Json, canonical
from runner.compiler.plan.choose import Fact
from runner.compiler.plan.model import Leg, Plan, PlanStep
from runner.compiler.plan.wire import to_json
from runner.errors import RunnerError, StoreError
from runner.run import support
from runner.run.artifacts import storage_error, write_durably
from runner.run.attempt import Attempts, OnText, Places
from runner.run.boxes import Boxes, chooser
from runner.run.clock import new_run_id
from runner.run.event import Event
from runner.run.interrupt import STEPS, Control, uninterrupted
from runner.run.journal import Journal
from runner.run.leg import Life
from runner.run.local import BareHost
from runner.run.mask import Mask
from runner.run.milestones import Milestones
from runner.run.owner import owner
from runner.run.ports import Clock, Engine, RunState, Sandbox, StateStore, StepHost
from runner.run.scheduler import Scheduler
from runner.run.values import Values, legs_of


@dataclass(frozen=True, slots=True)
class Setup:
    """What a run works with. `state` is the state folder, `spec` the folder that `files` are relative to;
    `facts` are what is known of providers right now; `secrets` are values by name; the callbacks get every
    committed event and every piece of masked output, and must not raise.
    """

    store: StateStore
    engine: Engine
    providers: Mapping[str, Sandbox]
    clock: Clock
    state: Path
    spec: Path
    facts: Mapping[str, Fact] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    max_parallel: int = 8
    on_event: Callable[[Event], None] | None = None
    on_text: OnText | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """How a run ended. Documents are as the store holds them; `warnings` are sentences (a box that may still live)."""

    run: str
    state: RunState
    document: dict[str, Json]
    steps: dict[str, dict[str, Json]]
    milestones: dict[str, dict[str, Json]]
    artifacts: dict[str, dict[str, Json]]
    warnings: tuple[str, ...] = ()


async def execute(plan: Plan, setup: Setup, control: Control) -> Report:
    """Run a plan to its end. `control.stop` ends it early.

    Raises SpecError and SandboxMissing before anything was written, EngineUnavailable, StoreError (boxes are freed
    then), and CancelledError when the caller is cancelled (the run has ended as cancelled then).
    """
    decide = chooser(setup.facts)
    support.refuse_unsupported(plan)
    support.refuse_unservable(plan, decide, setup.providers)
    run = _Run(plan, setup, control)
    await setup.engine.run(plan, run.id, run.body)
    return run.report()


class _Run:
    def __init__(self, plan: Plan, setup: Setup, control: Control) -> None:
        clock = setup.clock
        self.id = new_run_id(clock.now(), clock.random())
        self._plan = plan
        self._setup = setup
        self._control = control
        self._journal = Journal(setup.store, self.id, clock, Mask(setup.secrets.values()), setup.on_event)
        self._boxes = Boxes(plan, setup.providers, chooser(setup.facts), self._journal, clock)
        values = Values(plan, self.id, setup.secrets)
        places = Places(setup.state, setup.spec)
        attempts = Attempts(plan, places, self._boxes, values, self._journal, setup.on_text)
        self._life = Life(plan, self._journal, values, attempts, clock, control)
        self._milestones = Milestones(plan, self._journal, values)
        self._scheduler = Scheduler(self._life, self._milestones, setup.max_parallel)
        self._last_failed: list[str] = []
        self._warnings: list[str] = []

    async def body(self, host: StepHost) -> RunState:
        """What the engine calls, once."""
        await self._create()
        try:
            await self._scheduler.run(host)
            await self._last(host)
        except asyncio.CancelledError:
            self._control.stop(f"the {self._setup.engine.name} engine stopped the run")
            await uninterrupted(self._abandoned())
            raise
        except RunnerError as error:
            await uninterrupted(self._finish(error.message))
            raise
        except Exception as error:
            await uninterrupted(self._finish(f"internal error: {type(error).__name__}: {error}"))
            raise
        return await uninterrupted(self._finish())

    def report(self) -> Report:
        """The documents at the end."""
        document = self._journal.document("run", self.id)
        return Report(
            self.id,
            cast("RunState", document["state"]),
            document,
            self._journal.documents("step"),
            self._journal.documents("milestone"),
            self._journal.documents("artifact"),
            tuple(self._warnings),
        )

    # ------------------------------------------------------------ beginning

    async def _create(self) -> None:
        plan, journal = self._plan, self._journal
        path = self._setup.state / "runs" / self.id / "plan.json"
        try:
            await asyncio.to_thread(write_durably, path, canonical(to_json(plan)))
        except OSError as error:
            raise storage_error(error, path) from error
        legs = [(step, leg) for step in support.all_steps(plan) for leg in legs_of(step)]
        spec = plan.source.get("path", "<stdin>")
        document: dict[str, Json] = {
            "id": self.id,
            "spec": spec,
            "spec_path": spec if spec == "<stdin>" else str(self._setup.spec / Path(spec).name),
            "name": plan.name,
            "title": plan.title,
            "plan_digest": plan.digest,
            "state": "pending",
            "engine": self._setup.engine.name,
            "inputs": dict(plan.inputs),
            "created_at": journal.now(),
            "started_at": None,
            "ended_at": None,
            "message": "",
            "owner": owner(),
            "steps_total": len(legs),
        }
        told = ("spec", "name", "plan_digest", "engine", "inputs", "steps_total")
        created = journal.fact("run.created", {key: document[key] for key in told})
        journal.put("run", self.id, document, created)
        for step, leg in legs:
            journal.put("step", leg.key, _pending(step, leg))
        self._milestones.announce()
        journal.move_run("running", journal.fact("run.started"), started_at=journal.now())
        await journal.sync()

    # ------------------------------------------------------------ end

    async def _last(self, host: StepHost) -> None:
        """Milestones that stayed open, then `on_failure`, then `finally`."""
        self._milestones.close(self._scheduler.ended)
        stopped = self._control.stopped(STEPS)
        if (step := self._plan.on_failure) is not None:
            if stopped or not (self._scheduler.failed or self._milestones.broken):
                reason = "the run was stopped" if stopped else "nothing failed"
                self._life.skip(step, legs_of(step)[0], reason)
            else:
                await self._run_last(host, step)
        if (step := self._plan.finally_) is not None:
            await self._run_last(host, step)

    async def _run_last(self, host: StepHost, step: PlanStep) -> None:
        outcome = await self._scheduler.run_last(host, step)
        if outcome.state == "failed" and not step.allow_failure:
            self._last_failed.append(outcome.key)

    async def _abandoned(self) -> None:
        """The engine is gone: `finally` still runs, on a bare host."""
        self._scheduler.sweep()
        await self._last(BareHost())
        await self._finish()

    async def _finish(self, error: str = "") -> RunState:
        """Free the boxes and end the run. After a StoreError the boxes are freed all the same."""
        self._scheduler.sweep(last=True)
        self._warnings += await self._boxes.free_all()
        state, message = self._verdict(error)
        tally: dict[str, Json] = {}
        for document in self._journal.documents("step").values():
            tally[str(document["state"])] = cast("int", tally.get(str(document["state"]), 0)) + 1
        fact = self._journal.fact(f"run.{state}", {"message": message, "steps": tally})
        self._journal.move_run(state, fact, message=message, ended_at=self._journal.now())
        try:
            await self._journal.sync()
        except StoreError:
            if not error:
                raise
        return state

    def _verdict(self, error: str) -> tuple[RunState, str]:
        if error:
            return "failed", error
        if self._control.stopped(STEPS):
            return "cancelled", self._control.reason
        documents = self._journal.documents("step")
        failed = [*self._scheduler.failed, *self._last_failed]
        sentences = [f"{key}: {documents[key]['message']}" for key in failed] + self._milestones.broken
        return ("failed", "; ".join(sentences)) if sentences else ("succeeded", "")


def _pending(step: PlanStep, leg: Leg) -> dict[str, Json]:
    return {
        "step": step.id,
        "leg": leg.key,
        "state": "pending",
        "attempt": 0,
        "started_at": None,
        "ended_at": None,
        "message": "",
        "outputs": {},
        "provider": None,
        "box": None,
        "error_class": None,
    }
