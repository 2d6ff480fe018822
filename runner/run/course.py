"""The course of one leg: its result from the cache, or its attempts, their retries and repetitions, until it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

from runner.compiler.canonical import Json
from runner.compiler.expressions import evaluate
from runner.compiler.plan.model import Cache as CacheDecl
from runner.compiler.plan.model import Leg, PlanStep, Repeat
from runner.errors import BoxError, ExpressionFailed, NeverHeld, RunnerError
from runner.run import questions, retry
from runner.run.attempt import Result, Trace, announce
from runner.run.cache import Hit, Key, Miss
from runner.run.interrupt import Paused, Stopped
from runner.run.leg import Close, Life, Work
from runner.run.ports import LegOutcome
from runner.run.slots import Slot

T = TypeVar("T")


class _GaveUp(Exception):
    """Nothing is left to try: a signal inside this module, with the last attempt's error as its cause."""

    def __init__(self, error: RunnerError) -> None:
        super().__init__()
        self.error = error


class Course:
    """One leg that is ready, on its way. `level` says when a stop ends it."""

    def __init__(self, life: Life, step: PlanStep, leg: Leg, slot: Slot, level: int) -> None:
        self._life = life
        self._step = step
        self._leg = leg
        self._slot = slot
        self._level = level
        document = life.journal.document("step", leg.key)
        # Not 0 where a process before this one has tried already.
        self._number, self._tries, self._repetition = (
            cast("int", document.get(name, 0)) for name in ("attempt", "tries", "repetition")
        )
        self._trace = Trace()
        #: Its attempt went on while no process was there; it does not begin, it is taken up.
        self._going_on = document["state"] == "running"

    async def run(self) -> LegOutcome:
        """Attempt the leg until it succeeds or nothing is left to try.

        Raises StoreError, and CancelledError when the engine itself is cancelled; the leg has ended then too.
        """
        life, step, leg = self._life, self._step, self._leg
        try:
            await self._allowed()
            return await self._run()
        except _GaveUp as gave_up:
            return life.fail(step, leg, gave_up.error, self._number, self._trace)
        except Stopped:
            return life.cancel(step, leg, self._number or None)
        except Paused:
            return life.pause(leg)
        except asyncio.CancelledError:
            life.cancel(step, leg, self._number or None)
            raise
        finally:
            self._slot.give_back()

    async def _allowed(self) -> None:
        """Where somebody was asked whether to repeat an attempt: wait for the answer. Raises _GaveUp for a no."""
        key = self._leg.key
        if not questions.is_asked(self._life.journal.document("step", key)):
            return
        self._slot.lend()
        await self._guarded(self._life.desk.decision(key), idle=True)
        refused = questions.refusal(self._life.journal.document("step", key))
        if refused is not None:
            raise _GaveUp(refused) from refused

    async def _run(self) -> LegOutcome:
        going_on, self._going_on = self._going_on, False
        await (self._guarded(self._slot.take(), idle=True) if going_on else self._begin())
        key = None
        if (declared := self._step.cache) is not None:
            key = await self._key(declared)
            hit = None if going_on else await self._find(key, declared)
            if hit is not None:
                return self._taken(key, hit)
        result = await self._attempts()
        if self._step.repeat is not None:
            result = await self._repeated(self._step.repeat, result)
        data: dict[str, Json] = {"outputs": result.outputs, **self._trace.told()}
        if key is not None:
            why_not = await self._life.cache.keep(key, self._leg, result)
            data["cache"] = {"kept": not why_not, "key": key.told["key"], "reason": why_not}
        return self._succeeded(result, data)

    def _succeeded(self, result: Result, data: dict[str, Json]) -> LegOutcome:
        self._life.journal.put("step", self._leg.key, self._kept(result))
        return self._life.end(self._step, self._leg, Close("succeeded", data, "", self._number), result)

    def _kept(self, result: Result) -> dict[str, Json]:
        """The outputs as the store keeps them, and the names of those that hold a secret and are not kept whole."""
        mask = self._life.journal.mask
        hidden: list[Json] = [name for name, value in result.outputs.items() if mask.json(value) != value]
        return {"outputs": result.outputs, **({"hidden": hidden} if hidden else {})}

    async def _guarded(self, work: Coroutine[Any, Any, T], *, idle: bool = False) -> T:
        return await self._life.control.guard(work, self._level, self._leg.key, self._step.id, idle=idle)

    async def _begin(self) -> None:
        """Take a place among the running and begin the next attempt."""
        await self._guarded(self._slot.take(), idle=True)
        self._number += 1
        journal, key = self._life.journal, self._leg.key
        consumed: list[Json] = [*self._life.values.consumed(self._step)]
        fact = journal.fact("step.started", {"consumed": consumed} if consumed else {}, key, self._number)
        answered: dict[str, Json] = {"approval": None} if questions.is_asked(journal.document("step", key)) else {}
        journal.move_step(key, "running", fact, attempt=self._number, started_at=journal.now(), **answered)

    # ------------------------------------------------------------ attempts

    async def _attempts(self) -> Result:
        """Attempts until one succeeds; the first has begun. Raises _GaveUp."""
        step = self._step
        while True:
            self._tries += 1
            self._trace = Trace()
            try:
                return await self._attempt()
            except retry.ATTEMPT_ERRORS as error:
                self._slot.lend()
                cut = self._trace.began and not step.idempotent and retry.cut_off(error)
                if not cut and await self._recovers(error):
                    self._tries -= 1  # what policies repeat is no part of the retries
                    self._retries(error, 0.0)
                elif not retry.repeats(step.retry, error, self._tries):
                    raise _GaveUp(error) from error
                elif cut:
                    words = "it is not tried again: the step is not idempotent, and nobody knows how far it came"
                    raise _GaveUp(type(error)(f"{error.message}; {words}", error.hint)) from error
                else:
                    await self._guarded(self._back_off(error), idle=True)
            await self._begin()

    @property
    def _work(self) -> Work:
        return self._life.children if self._step.kind == "workflow" else self._life.attempts

    async def _attempt(self) -> Result:
        return await self._guarded(self._work.make(self._step, self._leg, self._number, self._trace))

    async def _recovers(self, error: RunnerError) -> bool:
        """Whether the policies want another attempt. Raises _GaveUp where one of them has failed the run."""
        if isinstance(error, BoxError) and error.settled and self._life.control.failed:
            raise _GaveUp(error) from error
        try:
            return await self._guarded(self._work.recovers(self._step, self._leg, error))
        except retry.ATTEMPT_ERRORS as final:
            raise _GaveUp(final) from final

    async def _back_off(self, error: RunnerError) -> None:
        seconds = retry.delay(self._step.retry, self._tries, self._life.clock.random())
        self._retries(error, seconds)
        await self._life.clock.sleep(seconds)

    def _retries(self, error: RunnerError, seconds: float) -> None:
        journal = self._life.journal
        data: dict[str, Json] = {"class": retry.error_class(error), "message": error.message, "delay": seconds}
        fact = journal.fact("step.retrying", data | self._trace.told(), self._leg.key, self._number)
        journal.move_step(self._leg.key, "ready", fact, message=error.message, tries=self._tries)

    # ------------------------------------------------------------ repetition

    async def _repeated(self, repeat: Repeat, result: Result) -> Result:
        """Attempts until the condition holds over the outputs. Raises _GaveUp."""
        while self._repetition < repeat.most - 1:
            if self._holds(repeat, result):
                return result
            self._slot.lend()
            self._repetition, self._tries = self._repetition + 1, 0
            await self._guarded(self._again(repeat, result), idle=True)
            await self._begin()
            result = await self._attempts()
        if self._holds(repeat, result):
            return result
        times = "once" if repeat.most == 1 else f"{repeat.most} times"
        raise _GaveUp(
            NeverHeld(
                f"it ran {times}, and `{repeat.until}` never held",
                "Look at the outputs of each repetition: `runner audit export RUN`; allow more with `repeat.max`.",
            )
        )

    def _holds(self, repeat: Repeat, result: Result) -> bool:
        variables = self._life.values.variables(self._step, self._leg)
        variables["outputs"] = {**result.outputs, **result.artifacts}
        try:
            value = evaluate(repeat.until, variables)
        except ExpressionFailed as error:
            raise _GaveUp(error) from error
        if not isinstance(value, bool):
            raise _GaveUp(ExpressionFailed(f"repeat.until `{repeat.until}` gives {value!r}, not true or false"))
        return value

    async def _again(self, repeat: Repeat, result: Result) -> None:
        life, counted = self._life, {"repetition": self._repetition, "tries": self._tries}
        reason = f"`{repeat.until}` does not hold"
        data: dict[str, Json] = {"repetition": self._repetition, "most": repeat.most, "reason": reason}
        data |= {"delay": repeat.delay, "outputs": result.outputs, **self._trace.told()}
        fact = life.journal.fact("step.repeated", data, self._leg.key, self._number)
        life.journal.move_step(self._leg.key, "ready", fact, message=reason, **counted)
        await life.clock.sleep(repeat.delay)

    # ------------------------------------------------------------ cache

    async def _key(self, declared: CacheDecl) -> Key:
        try:
            return await self._guarded(self._life.cache.key(self._step, self._leg, declared.key))
        except ExpressionFailed as error:
            raise _GaveUp(error) from error

    async def _find(self, key: Key, declared: CacheDecl) -> Hit | None:
        try:
            return await self._guarded(self._life.cache.find(key, declared.ttl))
        except Miss as miss:
            data: dict[str, Json] = {**key.told, "reason": str(miss)}
            self._life.journal.note(self._life.journal.fact("step.missed", data, self._leg.key, self._number))
            return None

    def _taken(self, key: Key, hit: Hit) -> LegOutcome:
        journal = self._life.journal
        data: dict[str, Json] = {**key.told, "run": hit.run, "leg": hit.step, "at": hit.at}
        journal.note(journal.fact("step.cached", data, self._leg.key, self._number))
        made = {name: announce(journal, self._leg, name, about) for name, about in hit.artifacts.items()}
        source: dict[str, Json] = {"run": hit.run, "leg": hit.step}
        journal.put("step", self._leg.key, {"cached": source})
        return self._succeeded(Result(dict(hit.outputs), made), {"outputs": dict(hit.outputs), "cached": source})
