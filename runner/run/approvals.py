"""The course of a leg that is an approval: a person is asked, and the answer is its end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

from runner.compiler.canonical import Json
from runner.compiler.plan.model import Leg, PlanStep
from runner.compiler.spec.units import seconds
from runner.errors import ExpressionFailed
from runner.run import questions
from runner.run.attempt import Result, Trace
from runner.run.forms import form_of
from runner.run.interrupt import Paused, Stopped
from runner.run.leg import Close, Life
from runner.run.ports import LegOutcome
from runner.run.questions import Question
from runner.run.values import rendered

#: Seconds that an answer is waited for where the spec does not say: its schema's default of 7d.
PATIENCE = 7 * 86400.0


class Approval:
    """One leg of the kind `approve` that is ready. `level` says when a stop ends it."""

    def __init__(self, life: Life, step: PlanStep, leg: Leg, level: int) -> None:
        self._life = life
        self._step = step
        self._leg = leg
        self._level = level

    async def run(self) -> LegOutcome:
        """Ask, unless a process before this one has, and wait for the answer.

        Raises StoreError, and CancelledError when the engine itself is cancelled; the leg has ended then too.
        """
        life, step, leg = self._life, self._step, self._leg
        try:
            # Inside, so that a run which is paused or stopped asks nothing new.
            await life.control.guard(self._answered(), self._level, leg.key, step.id, idle=True)
        except ExpressionFailed as error:
            return life.fail(step, leg, error, None, Trace())
        except Stopped:
            return life.cancel(step, leg, self._attempt())
        except Paused:
            return life.pause(leg)
        except asyncio.CancelledError:
            life.cancel(step, leg, self._attempt())
            raise
        return self._decided()

    async def _answered(self) -> None:
        """Ask, unless it was asked before, and wait for the answer. Raises ExpressionFailed."""
        if not questions.asked(self._document()):
            questions.ask(self._life.journal, self._leg.key, self._question(), 1)
        await self._life.desk.decision(self._leg.key)

    def _document(self) -> Mapping[str, Json]:
        return self._life.journal.document("step", self._leg.key)

    def _attempt(self) -> int | None:
        """1 as soon as it was asked."""
        return cast("int", self._document()["attempt"]) or None

    def _question(self) -> Question:
        """The question as the spec has it. Raises ExpressionFailed."""
        action = self._step.action
        prompt = rendered(str(action["prompt"]), self._life.values.variables(self._step, self._leg))
        most = seconds(action.get("timeout"))
        on_timeout = cast("questions.OnTimeout", action.get("on_timeout") or "reject")
        patience = PATIENCE if most is None else most
        return Question("approve", prompt, form_of(action), self._step.owner, patience, on_timeout)

    def _decided(self) -> LegOutcome:
        life, step, leg = self._life, self._step, self._leg
        refused = questions.refusal(self._document())
        if refused is not None:
            return life.fail(step, leg, refused, 1, Trace())
        told = cast("dict[str, Json]", questions.decision(self._document()))
        outputs = cast("dict[str, Json]", told["values"])
        life.journal.put("step", leg.key, {"outputs": outputs})
        words = f"approved by {told['by']}" if told["by"] is not None else "approved, for nobody answered in time"
        words += f": {told['comment']}" if told["comment"] else ""
        return life.end(step, leg, Close("succeeded", {"outputs": outputs}, words, 1), Result(dict(outputs)))
