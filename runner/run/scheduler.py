"""One scheduler for all engines: every leg is a task that waits for its upstream, then for a slot, then lives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from runner.compiler.canonical import Json
from runner.compiler.plan.model import Leg, PlanStep, Retry
from runner.errors import ExpressionFailed
from runner.run.attempt import GRACE, Trace
from runner.run.interrupt import FINAL, STEPS, uninterrupted
from runner.run.leg import Life, Slot
from runner.run.milestones import Milestones
from runner.run.ports import LegOutcome, StepHost
from runner.run.values import legs_of

#: Seconds that the `finally` step gets when the run was stopped.
FINAL_SECONDS = 60.0


class Scheduler:
    """Runs the legs of a plan inside a StepHost, `max_parallel` at a time."""

    def __init__(self, life: Life, milestones: Milestones, max_parallel: int) -> None:
        self._life = life
        self._milestones = milestones
        self._slots = asyncio.Semaphore(max_parallel)
        self._narrow = {
            step.id: asyncio.Semaphore(limit)
            for step in life.plan.steps
            if isinstance(limit := _matrix(step, "max_parallel"), int)
        }
        self._open = {step.id: len(legs_of(step)) for step in life.plan.steps}
        self._ended = {step.id: asyncio.Event() for step in life.plan.steps}

    @property
    def ended(self) -> set[str]:
        """The ids of the steps whose legs have all ended."""
        return {name for name, event in self._ended.items() if event.is_set()}

    @property
    def failed(self) -> list[str]:
        """The legs whose failure fails the run, in the order of the plan."""
        documents = self._life.journal.documents("step")
        return [
            leg.key
            for step in self._life.plan.steps
            for leg in legs_of(step)
            if documents[leg.key]["state"] == "failed" and not step.allow_failure
        ]

    async def run(self, host: StepHost) -> None:
        """Run every step to its end; afterwards each leg is in a final state. Raises StoreError, CancelledError."""
        for step in self._life.plan.steps:
            if self._open[step.id] == 0:
                self._ended[step.id].set()
        tasks = [
            asyncio.ensure_future(self._leg(host, step, leg)) for step in self._life.plan.steps for leg in legs_of(step)
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION) if tasks else (set(), set())
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await uninterrupted(_settled(tasks))
            self.sweep()

    async def run_last(self, host: StepHost, step: PlanStep) -> LegOutcome:
        """Run `on_failure` or `finally` after everything else.

        A first stop ends `on_failure`; `finally` has `FINAL_SECONDS`, once, after it, and ends with the second.
        """
        leg = legs_of(step)[0]
        level = FINAL if step is self._life.plan.finally_ else STEPS
        if self._life.control.stopped(STEPS):
            step = replace(step, timeout=min(step.timeout, FINAL_SECONDS), retry=Retry(attempts=1))
        upstream = self._upstream(self._sinks())
        step = replace(step, after=tuple(sorted(self.ended)), condition_guards_failure=True)
        limit = FINAL_SECONDS + GRACE if self._life.control.stopped(STEPS) else None
        try:
            async with asyncio.timeout(limit):
                return await self._live(host, step, leg, level, upstream)
        except TimeoutError:
            return LegOutcome(leg.key, "cancelled", "it did not end in time")

    async def _leg(self, host: StepHost, step: PlanStep, leg: Leg) -> None:
        for name in step.after:
            await self._ended[name].wait()
        if self._life.control.stopped(STEPS, step.id):
            self._life.cancel(step, leg)
        else:
            async with self._narrow.get(step.id, contextlib.nullcontext()):
                outcome = await self._live(host, step, leg, STEPS, self._upstream(step.after))
            if outcome.state == "failed" and _matrix(step, "fail_fast") is True:
                self._life.control.stop_group(step.id, f"{leg.key} failed, and its matrix is fail_fast")
        self._open[step.id] -= 1
        if self._open[step.id] == 0:
            self._ended[step.id].set()
            self._milestones.look(self.ended)

    async def _live(self, host: StepHost, step: PlanStep, leg: Leg, level: int, upstream: Sequence[str]) -> LegOutcome:
        life = self._life
        try:
            reason = life.reason_to_skip(step, leg)
        except ExpressionFailed as error:
            failure = error
            life.ready(leg)
            return await host.leg(step, leg, upstream, lambda: _done(life.fail(step, leg, failure, None, Trace())))
        if reason:
            return await host.leg(step, leg, upstream, lambda: _done(life.skip(step, leg, reason)))
        life.ready(leg)
        slot = Slot(self._slots)
        try:
            await slot.take()
            if life.control.stopped(level, step.id):
                return life.cancel(step, leg)
            return await host.leg(step, leg, upstream, lambda: life.attempt(step, leg, slot, level))
        finally:
            slot.give_back()

    def _upstream(self, names: Iterable[str]) -> Sequence[str]:
        return [leg.key for name in names for leg in legs_of(self._life.plan.step(name))]

    def _sinks(self) -> list[str]:
        """The steps that nothing comes after."""
        followed = {name for step in self._life.plan.steps for name in step.after}
        return [step.id for step in self._life.plan.steps if step.id not in followed]

    def sweep(self, *, last: bool = False) -> None:
        """After an error of the engine or the store: end what has not ended, so that no leg stays open.

        With `last` also `on_failure` and `finally`.
        """
        documents = self._life.journal.documents("step")
        plan = self._life.plan
        ends = (plan.on_failure, plan.finally_) if last else ()
        for step in (*plan.steps, *(step for step in ends if step is not None)):
            for leg in legs_of(step):
                if documents[leg.key]["state"] in ("pending", "ready", "running"):
                    self._life.cancel(step, leg)
            if not last:
                self._ended[step.id].set()


def _matrix(step: PlanStep, key: str) -> Json:
    """A setting of the step's matrix as written."""
    return step.matrix_source.get(key) if isinstance(step.matrix_source, dict) else None


async def _settled(tasks: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


async def _done(outcome: LegOutcome) -> LegOutcome:
    return outcome
