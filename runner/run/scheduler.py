"""One scheduler for all engines: every leg is a task that waits for its upstream, then for a slot, then lives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import Any

from runner.compiler.canonical import Json
from runner.compiler.plan.model import ForEach, Leg, PlanStep, Retry
from runner.errors import ExpressionFailed, ItemsWrong
from runner.records import dataclass
from runner.run import fan
from runner.run.approvals import Approval
from runner.run.attempt import GRACE, Trace
from runner.run.course import Course
from runner.run.interrupt import FINAL, STEPS, Paused, Stopped, uninterrupted
from runner.run.leg import Life
from runner.run.milestones import Milestones
from runner.run.ports import LegOutcome, StepHost
from runner.run.slots import Rank, Slot, Slots
from runner.run.state import OPEN
from runner.run.values import legs_of

#: Seconds that the `finally` step gets when the run was stopped.
FINAL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Queue:
    """Where the legs of a run wait for their turn: the slots, shared with the runs above and below, how many there are,
    and how urgent this run is among the others.
    """

    slots: Slots
    most: int
    priority: int = 0
    order: Rank = ()

    def rank(self, step: PlanStep, *place: int) -> Rank:
        """Higher priority first, then the order of the plan."""
        return (-self.priority - step.priority, *self.order, *place)


class Scheduler:
    """Runs the legs of a plan inside a StepHost, as many at a time as there are slots."""

    def __init__(self, life: Life, milestones: Milestones, queue: Queue) -> None:
        self._life = life
        self._milestones = milestones
        self._queue = queue
        # A leg that is a run below has a place of another kind: with one among the slots it would wait for itself. Each
        # run has its own of these, so that a circle is impossible.
        self._runs = Slots(queue.most)
        self._places = {step.id: number for number, step in enumerate(life.plan.steps)}
        self._narrow = {
            step.id: asyncio.Semaphore(limit)
            for step in life.plan.steps
            if isinstance(limit := step.for_each.max_parallel if step.for_each else _matrix(step, "max_parallel"), int)
        }
        self._open = {step.id: len(legs_of(step)) for step in life.plan.steps}
        self._ended = {step.id: asyncio.Event() for step in life.plan.steps}
        self._last: str | None = None  # the leg of `on_failure` or `finally`, while it lives

    @property
    def ended(self) -> set[str]:
        """The ids of the steps whose legs have all ended."""
        return {name for name, event in self._ended.items() if event.is_set()}

    @property
    def failed(self) -> list[str]:
        """The legs whose failure fails the run, in the order of the plan."""
        return self._in_state("failed")

    @property
    def crowded_out(self) -> list[str]:
        """The legs that were cancelled though nobody stopped the run, and that nothing else failed for: a concurrency
        group had no place for them.
        """
        return self._in_state("cancelled")

    def idle(self) -> list[str]:
        """The legs that wait for people, when nothing else of the run can move; none while something can."""
        asked: dict[str, list[str]] = {}
        behind: set[str] = set()
        ended = self.ended
        for step in self._life.plan.steps:
            if step.id not in ended and ended.issuperset(step.after) and not self._stands_still(step, asked, behind):
                return []
        if self._last is not None and (names := self._life.desk.waits(self._last)):
            asked[self._last] = names
        # Whoever waits for a place in a group waits for people if all its holders do.
        if not behind.issubset(self._life.who(key) for key in asked):
            return []
        return [name for names in asked.values() for name in names]

    def _stands_still(self, step: PlanStep, asked: dict[str, list[str]], behind: set[str]) -> bool:
        """Whether a step which has not ended waits for people, or for a group. `asked` gets the questions that its legs
        wait for, `behind` who holds the places that they wait for.
        """
        life, narrow = self._life, self._narrow.get(step.id)
        documents = life.journal.documents("step")
        moving = []
        for key in (leg.key for leg in life.values.legs(step) if documents[leg.key]["state"] in OPEN):
            if names := life.desk.waits(key):
                asked[key] = names
            elif holders := life.holders(key):
                behind.update(holders)
            else:
                moving.append(documents[key]["state"])
        return not moving or (narrow is not None and narrow.locked() and set(moving) == {"pending"})

    def _in_state(self, state: str) -> list[str]:
        documents = self._life.journal.documents("step")
        return [
            key
            for step in self._life.plan.steps
            for key in self._keys(step)
            if documents[key]["state"] == state and not step.allow_failure
        ]

    async def run(self, host: StepHost) -> None:
        """Run every step to its end; afterwards each leg is in a final state. Raises StoreError, CancelledError."""
        for step in self._life.plan.steps:
            if self._open[step.id] == 0:
                self._ended[step.id].set()
        work = []
        for step in self._life.plan.steps:
            if step.for_each is not None:
                work.append(self._fan(host, step, step.for_each))
            else:
                work += [self._leg(host, step, leg, number) for number, leg in enumerate(legs_of(step))]
        try:
            await _all(work)
        finally:
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
        if (kept := self._life.kept(step, leg) or self._life.taken_over(step, leg)) is not None:
            return await host.leg(step, leg, upstream, lambda: _done(kept))
        step = replace(step, after=tuple(sorted(self.ended)), condition_guards_failure=True)
        limit = FINAL_SECONDS + GRACE if self._life.control.stopped(STEPS) else None
        slot = self._slot(step, len(self._places))
        self._last = leg.key
        try:
            async with asyncio.timeout(limit):
                return await self._live(host, step, leg, _Way(level, upstream, slot))
        except TimeoutError:
            return LegOutcome(leg.key, "cancelled", "it did not end in time")
        finally:
            self._last = None

    # ------------------------------------------------------------ steps

    async def _leg(self, host: StepHost, step: PlanStep, leg: Leg, number: int) -> None:
        """A leg that the plan knows."""
        if await self._may_begin(step, leg):
            outcome = await self._shown(host, step, leg) or await self._in_turn(host, step, leg, number)
            if outcome.state == "failed" and _matrix(step, "fail_fast") is True:
                self._life.control.stop_group(step.id, f"{leg.key} failed, and its matrix is fail_fast")
        self._open[step.id] -= 1
        if self._open[step.id] == 0:
            self._close(step)

    async def _fan(self, host: StepHost, step: PlanStep, each: ForEach) -> None:
        """A step whose legs are known when its upstream has ended."""
        whole = Leg(step.id)
        if await self._may_begin(step, whole):
            legs = await self._expanded(host, step, each)
            if legs is not None:
                await _all([self._item(host, step, leg, number) for number, leg in enumerate(legs)])
                if not self._open_still(step) and self._life.kept(step, whole) is None:
                    outcome = self._life.close_fan(step)
                    if not legs:
                        await host.leg(step, whole, self._upstream(step.after), lambda: _done(outcome))
        self._close(step)

    async def _item(self, host: StepHost, step: PlanStep, leg: Leg, number: int) -> LegOutcome:
        """A leg of a `for_each`."""
        return await self._shown(host, step, leg) or await self._in_turn(host, step, leg, number)

    async def _shown(self, host: StepHost, step: PlanStep, leg: Leg) -> LegOutcome | None:
        """Let the engine show a leg that had ended when this process took the run up, or that is as it was in the run
        before; None for any other.
        """
        kept = self._life.kept(step, leg) or self._life.taken_over(step, leg)
        return None if kept is None else await host.leg(step, leg, self._upstream(step.after), lambda: _done(kept))

    async def _expanded(self, host: StepHost, step: PlanStep, each: ForEach) -> tuple[Leg, ...] | None:
        """The legs of a `for_each`, durable before any of them starts; None when the step ended without any."""
        life, upstream, whole = self._life, self._upstream(step.after), Leg(step.id)
        if life.values.expanded(step):
            return life.values.legs(step)
        if await self._shown(host, step, whole) is not None:
            return None
        try:
            reason = life.reason_to_skip(step, whole)
            items = [] if reason else fan.items(each, life.values.variables(step, whole))
        except (ExpressionFailed, ItemsWrong) as error:
            failure = error
            life.ready(whole)
            await host.leg(step, whole, upstream, lambda: _done(life.fail(step, whole, failure, None, Trace())))
            return None
        if reason:
            await host.leg(step, whole, upstream, lambda: _done(life.skip(step, whole, reason)))
            return None
        life.ready(whole)
        legs = life.expand(step, items)
        await life.journal.sync()
        return legs

    async def _may_begin(self, step: PlanStep, leg: Leg) -> bool:
        """Wait for everything upstream; False when the run was stopped meanwhile, and the leg with it, or paused."""
        for name in step.after:
            await self._ended[name].wait()
        if self._life.control.paused and not self._life.control.stopped(STEPS, step.id):
            return False
        if self._life.control.stopped(STEPS, step.id):
            if self._life.kept(step, leg) is None:
                self._life.cancel(step, leg)
            return False
        return True

    def _close(self, step: PlanStep) -> None:
        self._ended[step.id].set()
        # A step that a pause left open counts as ended only so that what comes after it does not wait.
        if not self._life.control.paused:
            self._milestones.look(self.ended)

    def _open_still(self, step: PlanStep) -> bool:
        """Whether a pause left one of the step's legs open."""
        return any(self._life.values.ended(step, leg) is None for leg in self._life.values.legs(step))

    # ------------------------------------------------------------ legs

    def _slot(self, step: PlanStep, *place: int) -> Slot:
        """A leg's place among those of its kind. That of a run below is kept while it waits to try again: legs of that
        run may wait for the concurrency group of a leg that waits for such a place.
        """
        if step.kind == "workflow":
            return Slot(self._runs, self._queue.rank(step, *place), kept=True)
        return Slot(self._queue.slots, self._queue.rank(step, *place))

    async def _in_turn(self, host: StepHost, step: PlanStep, leg: Leg, number: int) -> LegOutcome:
        slot = self._slot(step, self._places[step.id], number)
        async with self._narrow.get(step.id, contextlib.nullcontext()):
            return await self._live(host, step, leg, _Way(STEPS, self._upstream(step.after), slot))

    async def _live(self, host: StepHost, step: PlanStep, leg: Leg, way: _Way) -> LegOutcome:
        life = self._life

        async def failed(error: ExpressionFailed) -> LegOutcome:
            return await host.leg(step, leg, way.upstream, lambda: _done(life.fail(step, leg, error, None, Trace())))

        try:
            reason = life.reason_to_skip(step, leg)
        except ExpressionFailed as error:
            life.ready(leg)
            return await failed(error)
        if reason:
            return await host.leg(step, leg, way.upstream, lambda: _done(life.skip(step, leg, reason)))
        life.ready(leg)
        try:
            # What a leg waits for while it has a place in a group must not wait for groups itself. Legs in boxes do
            # not, once they have a place among the running; runs below do.
            if step.kind == "workflow":
                await self._turn(step, leg, way)
            async with life.place(step, leg, way.level):
                if step.kind == "approve":  # who waits for people has no place among the running
                    return await host.leg(step, leg, way.upstream, Approval(life, step, leg, way.level).run)
                await self._turn(step, leg, way)
                return await host.leg(step, leg, way.upstream, Course(life, step, leg, way.slot, way.level).run)
        except Stopped:
            return life.cancel(step, leg)
        except Paused:
            return life.pause(leg)
        except ExpressionFailed as error:
            return await failed(error)
        finally:
            way.slot.give_back()

    async def _turn(self, step: PlanStep, leg: Leg, way: _Way) -> None:
        """Wait for the leg's place among the running, unless it has it. Raises Stopped, Paused."""
        await self._life.control.guard(way.slot.take(), way.level, leg.key, step.id, idle=True)

    # ------------------------------------------------------------ graph

    def _keys(self, step: PlanStep) -> list[str]:
        """The keys of a step's legs; of a `for_each` without any, its own."""
        keys = [leg.key for leg in self._life.values.legs(step)]
        return keys if keys or step.for_each is None else [step.id]

    def _upstream(self, names: Iterable[str]) -> Sequence[str]:
        return [key for name in names for key in self._keys(self._life.plan.step(name))]

    def _sinks(self) -> list[str]:
        """The steps that nothing comes after."""
        followed = {name for step in self._life.plan.steps for name in step.after}
        return [step.id for step in self._life.plan.steps if step.id not in followed]

    def sweep(self, *, last: bool = False) -> None:
        """After an error of the engine or the store: end what has not ended, so that no leg stays open, unless the run
        is paused.

        With `last` also `on_failure` and `finally`.
        """
        documents = self._life.journal.documents("step")
        plan, control = self._life.plan, self._life.control
        if control.paused and not control.stopped(STEPS):
            return
        ends = (plan.on_failure, plan.finally_) if last else ()
        for step in (*plan.steps, *(step for step in ends if step is not None)):
            legs = self._life.values.legs(step)
            for leg in (*legs, Leg(step.id)) if self._life.values.expanded(step) else legs:
                if documents[leg.key]["state"] in OPEN:
                    self._life.cancel(step, leg)
            if not last:
                self._ended[step.id].set()


@dataclass(frozen=True, slots=True)
class _Way:
    """How a leg goes: the level of a stop that ends it, the legs upstream, its place among the running."""

    level: int
    upstream: Sequence[str]
    slot: Slot


def _matrix(step: PlanStep, key: str) -> Json:
    """A setting of the step's matrix as written."""
    return step.matrix_source.get(key) if isinstance(step.matrix_source, dict) else None


async def _all(work: Sequence[Coroutine[Any, Any, object]]) -> None:
    """Do all the work at the same time. The first error ends the rest, and is raised when the rest has ended."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION) if tasks else (set(), set())
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await uninterrupted(_settled(tasks))


async def _settled(tasks: Sequence[asyncio.Task[object]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


async def _done(outcome: LegOutcome) -> LegOutcome:
    return outcome
