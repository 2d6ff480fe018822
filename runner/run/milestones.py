"""Milestones: looked at when the last of their steps has ended."""

from __future__ import annotations

from typing import cast

from runner.compiler.canonical import Json
from runner.compiler.expressions import evaluate
from runner.compiler.plan.model import Milestone, Plan
from runner.errors import ExpressionFailed
from runner.run.journal import Journal
from runner.run.values import Values


class Milestones:
    """Decides milestones, each once. `broken` collects a sentence for every acceptance check that does not hold.

    A milestone is reached when all its steps succeeded and all its checks hold. One that is missed because a step
    did not succeed changes nothing for the run (the step did already); a check that is false, or that cannot
    be evaluated, fails the run: what was built is not what was agreed.
    """

    def __init__(self, plan: Plan, journal: Journal, values: Values) -> None:
        self._plan = plan
        self._journal = journal
        self._values = values
        self._open = {milestone.id: milestone for milestone in plan.milestones}
        self.broken: list[str] = []

    def announce(self) -> None:
        """Write the documents of all milestones."""
        for milestone in self._plan.milestones:
            document: dict[str, Json] = {"title": milestone.title, "state": "pending", "checks": []}
            document |= {"week": milestone.week, "due": milestone.due}
            self._journal.put("milestone", milestone.id, document)

    def take_up(self) -> None:
        """Go on from the documents of a process before this one: what was decided is not decided again."""
        for key, document in self._journal.documents("milestone").items():
            if document["state"] != "pending":
                milestone = self._open.pop(key)
                checks = cast("list[dict[str, Json]]", document["checks"])
                self.broken += [_unheld(milestone, str(each["expression"])) for each in checks if each["ok"] is False]

    def look(self, ended: set[str]) -> None:
        """Decide the milestones whose steps are all among `ended` (ids of steps)."""
        for milestone in list(self._open.values()):
            if ended.issuperset(milestone.needs):
                self._decide(milestone, ended)

    def close(self, ended: set[str]) -> None:
        """Decide what is left: its steps will never all end."""
        for milestone in list(self._open.values()):
            self._decide(milestone, ended)

    def _decide(self, milestone: Milestone, ended: set[str]) -> None:
        del self._open[milestone.id]
        steps = [self._plan.step(name) for name in milestone.needs]
        done = ended.issuperset(milestone.needs) and all(self._values.state(step) == "succeeded" for step in steps)
        checks: list[Json] = []
        for expression in milestone.accept:
            ok = self._holds(milestone, expression, ended) if done else None
            checks.append({"expression": expression, "ok": ok})
            done = done and ok is True
        state = "reached" if done else "missed"
        about: dict[str, Json] = {"milestone": milestone.id, "title": milestone.title, "checks": checks}
        fact = self._journal.fact(f"milestone.{state}", about)
        self._journal.put("milestone", milestone.id, {"state": state, "checks": checks}, fact)

    def _holds(self, milestone: Milestone, expression: str, ended: set[str]) -> bool:
        try:
            value = evaluate(expression, self._values.seen(ended))
        except ExpressionFailed as error:
            self.broken.append(f"milestone {milestone.id}: {error.message}")
            return False
        if value is not True:
            self.broken.append(_unheld(milestone, expression))
        return value is True


def _unheld(milestone: Milestone, expression: str) -> str:
    return f"milestone {milestone.id}: `{expression}` does not hold"
