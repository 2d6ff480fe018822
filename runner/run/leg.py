"""The life of one leg: whether it runs at all, its attempts, its end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from runner.compiler.canonical import Json
from runner.compiler.expressions import evaluate
from runner.compiler.plan.model import Leg, Plan, PlanStep
from runner.errors import ExpressionFailed, RunnerError
from runner.run import retry
from runner.run.attempt import Attempts, Result, Trace
from runner.run.interrupt import Control, Stopped
from runner.run.journal import Journal
from runner.run.ports import Clock, LegOutcome, StepState
from runner.run.values import Ended, Values


class Slot:
    """A place among the legs that may run at the same time; giving it back twice is fine."""

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self._held = False

    async def take(self) -> None:
        """Wait for a place."""
        if not self._held:
            await self._slots.acquire()
            self._held = True

    def give_back(self) -> None:
        """Let another leg run."""
        if self._held:
            self._held = False
            self._slots.release()


@dataclass(frozen=True, slots=True)
class _Close:
    """How a leg ends: its state, the data of the event, a message for people, the attempt that ended it."""

    state: StepState
    data: dict[str, Json]
    message: str = ""
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Life:
    """What all legs of a run share."""

    plan: Plan
    journal: Journal
    values: Values
    attempts: Attempts
    clock: Clock
    control: Control

    def reason_to_skip(self, step: PlanStep, leg: Leg) -> str:
        """Why a leg whose upstream has ended will not run, "" when it will. Raises ExpressionFailed."""
        if not step.condition_guards_failure:
            for name in step.after:
                upstream = self.plan.step(name)
                if not self.values.succeeded(upstream):
                    return f"{name} {_DID[self.values.state(upstream)]}"
        if step.condition is None:
            return ""
        value = evaluate(step.condition, self.values.variables(leg, step.after))
        if not isinstance(value, bool):
            raise ExpressionFailed(f"the condition `{step.condition}` gives {value!r}, not true or false")
        return "" if value else f"its condition is false: {step.condition}"

    def skip(self, step: PlanStep, leg: Leg, reason: str) -> LegOutcome:
        """End a leg that will not run."""
        return self._end(step, leg, _Close("skipped", {"reason": reason}, reason))

    def cancel(self, step: PlanStep, leg: Leg, attempt: int | None = None) -> LegOutcome:
        """End a leg because the run is stopped."""
        reason = self.control.why(step.id)
        return self._end(step, leg, _Close("cancelled", {"reason": reason}, reason, attempt))

    def ready(self, leg: Leg) -> None:
        """Everything upstream has ended; attempts may begin."""
        self.journal.move_step(leg.key, "ready", self.journal.fact("step.ready", step=leg.key))

    def fail(self, step: PlanStep, leg: Leg, error: RunnerError, attempt: int | None, trace: Trace) -> LegOutcome:
        """End a leg in failure."""
        data: dict[str, Json] = {"class": retry.error_class(error), "message": error.message, **_where(trace)}
        if error.hint:
            data["hint"] = error.hint
        self.journal.put("step", leg.key, {"error_class": retry.error_class(error)})
        return self._end(step, leg, _Close("failed", data, error.message, attempt))

    async def attempt(self, step: PlanStep, leg: Leg, slot: Slot, level: int) -> LegOutcome:
        """Attempt a ready leg until it succeeds or nothing is left to try. `level` says when a stop ends it.

        Raises StoreError, and CancelledError when the engine itself is cancelled; the leg has ended then too.
        """
        number = 0
        trace = Trace()
        try:
            while True:
                number += 1
                await self.control.guard(slot.take(), level, step.id)
                self.journal.move_step(
                    leg.key,
                    "running",
                    self.journal.fact("step.started", step=leg.key, attempt=number),
                    attempt=number,
                    started_at=self.journal.now(),
                )
                trace = Trace()
                try:
                    result = await self.control.guard(self.attempts.make(step, leg, number, trace), level, step.id)
                except retry.ATTEMPT_ERRORS as error:
                    slot.give_back()
                    if not retry.repeats(step.retry, error, number):
                        return self.fail(step, leg, error, number, trace)
                    await self.control.guard(self._back_off(step, leg, error, number, trace), level, step.id)
                else:
                    data: dict[str, Json] = {"outputs": result.outputs, **_where(trace)}
                    self.journal.put("step", leg.key, {"outputs": result.outputs})
                    return self._end(step, leg, _Close("succeeded", data, "", number), result)
        except Stopped:
            return self.cancel(step, leg, number)
        except asyncio.CancelledError:
            self.cancel(step, leg, number)
            raise
        finally:
            slot.give_back()

    async def _back_off(self, step: PlanStep, leg: Leg, error: RunnerError, number: int, trace: Trace) -> None:
        seconds = retry.delay(step.retry, number, self.clock.random())
        data: dict[str, Json] = {"class": retry.error_class(error), "message": error.message, "delay": seconds}
        fact = self.journal.fact("step.retrying", data | _where(trace), leg.key, number)
        self.journal.move_step(leg.key, "ready", fact, message=error.message)
        await self.clock.sleep(seconds)

    def _end(self, step: PlanStep, leg: Leg, close: _Close, result: Result | None = None) -> LegOutcome:
        fact = self.journal.fact(f"step.{close.state}", close.data, leg.key, close.attempt)
        self.journal.move_step(leg.key, close.state, fact, message=close.message, ended_at=self.journal.now())
        made = result or Result()
        self.values.end(step, leg, Ended(close.state, made.outputs, made.artifacts))
        return LegOutcome(leg.key, close.state, self.journal.mask.text(close.message))


_DID: dict[StepState, str] = {"failed": "failed", "skipped": "was skipped", "cancelled": "was cancelled"}


def _where(trace: Trace) -> dict[str, Json]:
    found: dict[str, Json] = {
        "provider": trace.provider,
        "box": trace.box,
        "exit_code": trace.exit_code,
        "log": trace.log,
    }
    return {name: value for name, value in found.items() if value is not None}
