"""What all legs of a run share: whether one runs at all, its place in a concurrency group, its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import field
from typing import Protocol, cast

from runner.compiler.canonical import Json
from runner.compiler.expressions import evaluate
from runner.compiler.plan.model import Leg, Plan, PlanStep
from runner.errors import ExpressionFailed, RunnerError
from runner.records import dataclass
from runner.run import fan, retry
from runner.run.attempt import Result, Trace, announce
from runner.run.cache import Cache
from runner.run.desk import Desk
from runner.run.groups import Busy, Claim, Groups, Shared
from runner.run.interrupt import Control, Stopped
from runner.run.journal import Journal
from runner.run.ports import Clock, LegOutcome, StepState
from runner.run.prior import Prior, Taken
from runner.run.values import Ended, Values, rendered


class Work(Protocol):
    """Makes attempts: in a box, or as a run of another workflow."""

    async def make(self, step: PlanStep, leg: Leg, number: int, trace: Trace) -> Result:
        """Attempt a leg. `trace` is filled in on the way. Raises one of ATTEMPT_ERRORS, StoreError; Paused, Stopped."""
        ...

    async def recovers(self, step: PlanStep, leg: Leg, error: RunnerError) -> bool:
        """Whether the spec's policies want the failed attempt to be made again. Raises what they say instead."""
        ...


@dataclass(frozen=True, slots=True)
class Close:
    """How a leg ends: its state, the data of the event, a message for people, the attempt that ended it."""

    state: StepState
    data: dict[str, Json]
    message: str = ""
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Life:
    """What all legs of a run share. `inside` are the places in concurrency groups that runs above hold for all of this
    one, `held` those that its legs hold and `queued` those that they wait for, by their keys; `urgency` is the priority
    that it has from the steps above; `prior` is what is taken over from a run before.
    """

    plan: Plan
    journal: Journal
    values: Values
    attempts: Work
    children: Work
    cache: Cache
    groups: Groups
    clock: Clock
    control: Control
    desk: Desk
    inside: Mapping[str, Shared] = field(default_factory=dict)
    urgency: int = 0
    held: dict[str, dict[str, Shared]] = field(default_factory=dict)
    queued: dict[str, Claim] = field(default_factory=dict)
    prior: Prior = field(default_factory=Prior)

    def reason_to_skip(self, step: PlanStep, leg: Leg) -> str:
        """Why a leg whose upstream has ended will not run, "" when it will. Raises ExpressionFailed."""
        if not step.condition_guards_failure:
            for name in step.after:
                upstream = self.plan.step(name)
                if not self.values.succeeded(upstream):
                    return f"{name} {_DID[self.values.state(upstream)]}"
        # The condition of a `for_each` is asked at one place only: for the whole step, or for each item.
        each, condition = step.for_each, step.condition
        if condition is None:
            return ""
        if each is not None and fan.asks_each(condition, each, step.params) is not self.values.expanded(step):
            return ""
        value = evaluate(condition, self.values.variables(step, leg))
        if not isinstance(value, bool):
            raise ExpressionFailed(f"the condition `{condition}` gives {value!r}, not true or false")
        return "" if value else f"its condition is false: {condition}"

    def skip(self, step: PlanStep, leg: Leg, reason: str) -> LegOutcome:
        """End a leg that will not run."""
        return self.end(step, leg, Close("skipped", {"reason": reason}, reason))

    def cancel(self, step: PlanStep, leg: Leg, attempt: int | None = None) -> LegOutcome:
        """End a leg because it, or the run, is stopped."""
        reason = self.control.why(leg.key, step.id)
        return self.end(step, leg, Close("cancelled", {"reason": reason}, reason, attempt))

    def pause(self, leg: Leg) -> LegOutcome:
        """Leave a leg as it is because the run is paused; an attempt that had begun waits in the state `paused`."""
        reason, state = self.control.paused, cast("StepState", self.journal.document("step", leg.key)["state"])
        if state == "running":
            state = "paused"
            self.journal.move_step(leg.key, state, self.journal.fact("step.paused", {"reason": reason}, leg.key))
        return LegOutcome(leg.key, state, self.journal.mask.text(reason))

    def ready(self, leg: Leg) -> None:
        """Everything upstream has ended; attempts may begin. What a process before this one made ready is so still."""
        if self.journal.document("step", leg.key)["state"] == "pending":
            self.journal.move_step(leg.key, "ready", self.journal.fact("step.ready", step=leg.key))

    def kept(self, step: PlanStep, leg: Leg) -> LegOutcome | None:
        """How a leg had ended when this process took the run up; None for one that is still to end."""
        ended = self.values.ended(step, leg)
        if ended is None:
            return None
        return LegOutcome(leg.key, ended.state, str(self.journal.document("step", leg.key)["message"]))

    def taken_over(self, step: PlanStep, leg: Leg) -> LegOutcome | None:
        """End a leg as it ended in the run before this one, or because it is left out; None for one that is to run."""
        if (reason := self.prior.left.get(step.id)) is not None:
            return self.skip(step, leg, reason)
        taken = self.prior.legs.get(leg.key)
        if taken is None or taken.item != self.journal.mask.json(self.values.item(leg)):
            return None
        source: dict[str, Json] = {"run": self.prior.run, "leg": leg.key, "files": taken.files}
        self.ready(leg)
        fact = self.journal.fact("step.reused", {**source, "state": taken.state}, leg.key)
        self.journal.move_step(leg.key, "running", fact, reused=source, error_class=taken.error_class)
        return self._as_taken(step, leg, taken, source)

    def _as_taken(self, step: PlanStep, leg: Leg, taken: Taken, source: dict[str, Json]) -> LegOutcome:
        if taken.state != "succeeded":
            about = "message" if taken.state == "failed" else "reason"
            data: dict[str, Json] = {"class": taken.error_class} if taken.state == "failed" else {}
            close = Close(taken.state, {**data, about: taken.message, "reused": source}, taken.message)
            return self.end(step, leg, close)
        made = {name: announce(self.journal, leg, name, about) for name, about in taken.artifacts.items()}
        fields: dict[str, Json] = {"outputs": taken.outputs, **({"hidden": [*taken.hidden]} if taken.hidden else {})}
        self.journal.put("step", leg.key, fields)
        shown = {name: value for name, value in taken.outputs.items() if name not in taken.hidden}
        close = Close("succeeded", {"outputs": taken.outputs, "reused": source}, taken.message)
        return self.end(step, leg, close, Result(shown, made))

    def fail(self, step: PlanStep, leg: Leg, error: RunnerError, attempt: int | None, trace: Trace) -> LegOutcome:
        """End a leg in failure."""
        data: dict[str, Json] = {"class": retry.error_class(error), "message": error.message, **trace.told()}
        if error.hint:
            data["hint"] = error.hint
        self.journal.put("step", leg.key, {"error_class": retry.error_class(error)})
        return self.end(step, leg, Close("failed", data, error.message, attempt))

    def end(self, step: PlanStep, leg: Leg, close: Close, result: Result | None = None) -> LegOutcome:
        """End a leg."""
        fact = self.journal.fact(f"step.{close.state}", close.data, leg.key, close.attempt)
        self.journal.move_step(leg.key, close.state, fact, message=close.message, ended_at=self.journal.now())
        made = result or Result()
        self.values.end(step, leg, Ended(close.state, made.outputs, made.artifacts))
        return LegOutcome(leg.key, close.state, self.journal.mask.text(close.message))

    # ------------------------------------------------------------ fan-out

    def expand(self, step: PlanStep, items: list[Json]) -> tuple[Leg, ...]:
        """Name the legs of a `for_each` and write them down, in one transaction with the event that tells them."""
        legs = self.values.expand(step, items)
        told: list[Json] = [{"leg": leg.key, "item": item} for leg, item in zip(legs, items, strict=True)]
        data: dict[str, Json] = {"legs": told}
        if not legs:
            data["note"] = "the list is empty: nothing to run, and every output is an empty list"
        for leg in legs:
            self.journal.put("step", leg.key, pending(step, leg))
        self.journal.put("run", self.journal.run, {"steps_total": len(self.journal.documents("step"))})
        fact = self.journal.fact("step.expanded", data, step.id)
        self.journal.move_step(step.id, "running", fact, started_at=self.journal.now())
        return legs

    def close_fan(self, step: PlanStep) -> LegOutcome:
        """End the step of a `for_each` whose items have all ended: their worst state, their outputs as lists."""
        legs, documents = self.values.legs(step), self.journal.documents("step")
        state = self.values.state(step)
        bad = [leg.key for leg in legs if documents[leg.key]["state"] == state]
        message = f"{len(legs)} items" if len(legs) != 1 else "1 item"
        if state == "failed":
            message = f"{len(bad)} of {message} failed: {', '.join(bad[:5])}{', …' if len(bad) > 5 else ''}"
            classes = {str(documents[key]["error_class"]) for key in bad}
            class_ = classes.pop() if len(classes) == 1 else "items"
            self.journal.put("step", step.id, {"error_class": class_})
            return self.end(step, Leg(step.id), Close(state, {"class": class_, "message": message}, message))
        if state == "succeeded":
            outputs: dict[str, Json] = {
                name: value for name, value in self.values.outputs(step).items() if step.outputs[name].artifact is None
            }
            self.journal.put("step", step.id, {"outputs": outputs})
            return self.end(step, Leg(step.id), Close(state, {"outputs": outputs}, message))
        reason = str(documents[bad[0]]["message"])
        return self.end(step, Leg(step.id), Close(state, {"reason": reason}, reason))

    # ------------------------------------------------------------ groups

    @asynccontextmanager
    async def place(self, step: PlanStep, leg: Leg, level: int) -> AsyncIterator[None]:
        """The leg's place in its concurrency group, where it has one.

        Raises Stopped (the group is full and the leg is not to wait, or it was stopped meanwhile), Paused,
        ExpressionFailed, StoreError.
        """
        if step.concurrency is None:
            yield
            return
        group = rendered(step.concurrency.group, self.values.variables(step, leg))
        priority, wanted = self.urgency + step.priority, step.concurrency
        claim = Claim("step", group, wanted.limit, wanted.on_conflict, self.who(leg.key), priority, self.inside)

        def wait(holders: list[str]) -> None:
            self.journal.note(self.journal.fact("step.waiting", claim.told(holders), leg.key))

        def make_room(reason: str) -> None:
            self.control.stop_group(leg.key, f"{reason} {group}")

        async with AsyncExitStack() as stack:
            entering = stack.enter_async_context(self.groups.place(claim, wait, make_room))
            self.queued[leg.key] = claim
            try:
                self.held[leg.key] = await self.control.guard(entering, level, leg.key, step.id, idle=True)
            except Busy as error:
                self.control.stop_group(leg.key, claim.full(error.holders))
                raise Stopped from error
            finally:
                del self.queued[leg.key]
            yield

    def who(self, key: str) -> str:
        """What a leg is called among those who wait for its place in a group."""
        return f"step {key} of run {self.journal.run}"

    def holders(self, key: str) -> list[str]:
        """Who has the places of the group that a leg waits for; none where it waits for none."""
        claim = self.queued.get(key)
        return [] if claim is None else self.groups.holders(claim)


def pending(step: PlanStep, leg: Leg) -> dict[str, Json]:
    """The document of a leg at its beginning."""
    return {
        "step": step.id,
        "leg": leg.key,
        "state": "pending",
        "attempt": 0,
        "tries": 0,
        "repetition": 0,
        "started_at": None,
        "ended_at": None,
        "message": "",
        "outputs": {},
        "provider": None,
        "box": None,
        "child": None,
        "error_class": None,
    }


_DID: dict[StepState, str] = {"failed": "failed", "skipped": "was skipped", "cancelled": "was cancelled"}
