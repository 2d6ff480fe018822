"""Going on with a run that another process began: what had ended is kept, what was under way is made again.

Nothing is taken on trust but the store: documents and journal were written in the same transactions, so that a leg is
in a final state exactly when its event is in the journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from runner.compiler.canonical import Json, canonical
from runner.compiler.plan.model import ForEach, Leg, Plan, PlanStep
from runner.errors import ExpressionFailed, ItemsWrong, RunRelieved, RunTaken, UsageError
from runner.run import fan, questions, support
from runner.run.journal import TABLES, Journal
from runner.run.kept import Kept
from runner.run.mask import MASK
from runner.run.owner import owner
from runner.run.ports import StepState
from runner.run.questions import Question
from runner.run.state import FINAL, OPEN
from runner.run.values import Ended, Values, legs_of


class TakeUp:
    """Brings one run back into the memory of this process."""

    def __init__(self, plan: Plan, kept: Kept, journal: Journal, values: Values) -> None:
        self._plan = plan
        self.kept = kept
        self._journal = journal
        self._values = values

    @property
    def ended(self) -> bool:
        """Whether the run is in a final state: nothing of it is left to do."""
        return self.kept.document["state"] in FINAL

    def restore(self) -> None:
        """Take over every document, and what expressions see of the legs that have ended.

        Raises UsageError where what is to be done depends on a secret, which no store has.
        """
        for table in TABLES:
            for record in self.kept.tables[table].values():
                self._journal.restore(table, record)
        steps = support.all_steps(self._plan)
        for step in steps:
            self._ended(step, legs_of(step))
        # What comes before is known now: the lists of `for_each` in the order of the plan.
        for step in steps:
            if step.for_each is not None and (told := self._told(step)) is not None:
                self._ended(step, self._values.expand(step, told))

    async def claim(self) -> list[str]:
        """Make the run this process's, in the store: before that nothing of it may be touched. Returns the legs whose
        attempts were under way. Raises RunTaken when another process has gone on with it meanwhile, StoreError.
        """
        found = self._go_on()
        self._journal.stand_on()
        try:
            await self._journal.sync()
        except RunRelieved as error:
            run = self.kept.run
            raise RunTaken(f"another process has just begun to go on with run {run}", f"runner status {run}") from error
        return found

    def _go_on(self) -> list[str]:
        """Write down that this process goes on with the run, and what was under way."""
        journal = self._journal
        found = [key for key, leg in journal.documents("step").items() if self._under_way(key, leg)]
        about: dict[str, Json] = {"from": journal.document("run", journal.run)["state"], "interrupted": [*found]}
        run = {"owner": owner(), "ended_at": None, "message": ""}
        started = journal.document("run", journal.run)["started_at"] or journal.now()
        journal.move_run("running", journal.fact("run.resumed", about), started_at=started, **run)
        return found

    def interrupt(self, keys: Iterable[str]) -> None:
        """Write down which attempts were interrupted: those whose commands did not go on without a process."""
        journal = self._journal
        for key in keys:
            leg = journal.document("step", key)
            attempt = cast("int", leg["attempt"])
            fact = journal.fact("step.interrupted", {"was": leg["state"]}, key, attempt)
            journal.move_step(key, "ready", fact)
            if self._is_doubtful(leg):
                prompt = f"attempt {attempt} was interrupted, and nobody knows how far it came; is it to be repeated?"
                questions.ask(journal, key, Question("repeat", prompt, owner=self._step(leg).owner), attempt)

    def unended(self) -> list[str]:
        """The legs whose last attempt has no end: interrupted now, or by the end of a process before this one."""
        told = ("step.retrying", "step.repeated")
        ended = {(event.step, event.attempt) for event in self.kept.events if event.type in told}
        legs = self._journal.documents("step").items()
        return [key for key, leg in legs if leg["state"] in OPEN and (key, leg["attempt"]) not in ended]

    # ------------------------------------------------------------ inside

    def _under_way(self, key: str, leg: Mapping[str, Json]) -> bool:
        """Whether an attempt had begun and has no end. The step of a `for_each` only waits for its items."""
        if questions.is_asked(leg):
            return False
        return leg["state"] in ("running", "paused") and not self._is_fan(key)

    def _is_doubtful(self, leg: Mapping[str, Json]) -> bool:
        """Whether an interrupted attempt may have had effects that must not be had twice."""
        return not self._step(leg).idempotent and leg.get("began") == leg["attempt"]

    def _step(self, leg: Mapping[str, Json]) -> PlanStep:
        return next(step for step in support.all_steps(self._plan) if step.id == leg["step"])

    def _is_fan(self, key: str) -> bool:
        return any(step.id == key and step.for_each is not None for step in self._plan.steps)

    def _ended(self, step: PlanStep, legs: tuple[Leg, ...]) -> None:
        """Take note of the legs that have ended."""
        for leg in legs:
            document = self._journal.document("step", leg.key)
            if document["state"] in OPEN:
                continue
            outputs = cast("dict[str, Json]", document["outputs"])
            hidden = document.get("hidden") or ()
            shown = {name: value for name, value in outputs.items() if name not in cast("list[str]", hidden)}
            made = Ended(cast("StepState", document["state"]), shown, self._artifacts(step, leg))
            self._values.end(step, leg, made)

    def _artifacts(self, step: PlanStep, leg: Leg) -> dict[str, str]:
        stored = self._journal.documents("artifact")
        named = {name: stored.get(f"{leg.key}/{name}") for name in step.outputs}
        return {name: str(about["digest"]) for name, about in named.items() if about is not None}

    def _told(self, step: PlanStep) -> list[Json] | None:
        """The items of a `for_each`, None where they are not known yet."""
        events = [event for event in self.kept.events if event.type == "step.expanded" and event.step == step.id]
        if not events:
            return None
        items: list[Json] = [each["item"] for each in cast("list[dict[str, Json]]", events[-1].data["legs"])]
        state = self._journal.document("step", step.id)["state"]
        if state not in OPEN or MASK not in canonical(items).decode():
            return items
        made = self._made_again(step)
        if self._journal.mask.json(made) != items:
            raise UsageError(
                f"the items of step {step.id} hold a secret, which is never stored, and cannot be made again",
                "Begin a new run: `runner run SPEC`.",
            )
        return made

    def _made_again(self, step: PlanStep) -> list[Json]:
        """The items of a `for_each`, evaluated anew; none where what they are made of is gone."""
        try:
            return fan.items(cast("ForEach", step.for_each), self._values.variables(step, Leg(step.id)))
        except (ExpressionFailed, ItemsWrong):
            return []
