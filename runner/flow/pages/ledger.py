"""The legs and milestones of a run as its events tell of them: rows for tables, and how far the run is.

Imports no Prefect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime
from typing import cast

from runner.compiler.canonical import Json
from runner.compiler.plan.model import Plan, PlanStep
from runner.records import dataclass
from runner.run.event import Event
from runner.run.state import STEP_STATE
from runner.run.support import all_steps

#: States in which a leg stays.
ENDED = frozenset({"succeeded", "failed", "skipped", "cancelled"})


@dataclass(slots=True)
class Row:
    """A leg: `began` is the start of its first attempt, `ended` its end, both UTC in ISO 8601 or "". `note` says where
    a result comes from that was not made now.
    """

    key: str
    step: PlanStep
    state: str = "pending"
    attempts: int = 0
    began: str = ""
    ended: str = ""
    message: str = ""
    note: str = ""

    @property
    def seconds(self) -> float | None:
        """How long it took, None for one that never ran or has not ended."""
        if not self.began or not self.ended:
            return None
        return (datetime.fromisoformat(self.ended) - datetime.fromisoformat(self.began)).total_seconds()


@dataclass(slots=True)
class Reached:
    """What is known of a milestone; `checks` are its acceptance checks with True, False, or None for not looked at."""

    state: str = "pending"
    checks: Mapping[str, bool | None] = field(default_factory=dict)


class Ledger:
    """Follows the events of one run; those of runs below it are left out."""

    def __init__(self, plan: Plan, run: str) -> None:
        self.plan = plan
        self.run = run
        self.milestones = {each.id: Reached(checks=dict.fromkeys(each.accept)) for each in plan.milestones}
        #: Addresses of previews, in the order in which they came up, by port and sandbox.
        self.previews: dict[str, str] = {}
        #: The provider that each sandbox has its box from.
        self.providers: dict[str, str] = {}
        self._steps = {step.id: step for step in all_steps(plan)}
        self._rows: dict[str, dict[str, Row]] = {
            step.id: {leg.key: Row(leg.key, step) for leg in step.legs or ()} for step in plan.steps
        }

    def hear(self, event: Event) -> None:
        """Take the next event."""
        if event.type == "preview.ready":  # that of a box of a run below is worth a look too
            self.previews[f"{event.data.get('sandbox')}:{event.data.get('port')}"] = str(event.data.get("address"))
        if event.run != self.run:
            return
        if event.step is not None and event.type in STEP_STATE:
            self._moved(event, event.step)
        elif event.type.startswith("milestone."):
            self._decided(event)
        elif event.type == "box.created":
            self.providers[str(event.data.get("sandbox"))] = str(event.data.get("provider"))

    def rows(self) -> Iterator[Row]:
        """All legs that are known by now, in the order of the plan."""
        for legs in self._rows.values():
            yield from legs.values()

    def done(self) -> tuple[int, int]:
        """How many legs have ended, and how many are known; a step whose legs are not known counts as one."""
        states = [row.state for row in self.rows()]
        unknown = sum(not legs for legs in self._rows.values())
        return sum(state in ENDED for state in states), len(states) + unknown

    def row(self, key: str) -> Row | None:
        """The leg with that key; one of a fan-out, or of the last steps, is made when it is first asked for."""
        step = self._steps.get(key.partition("[")[0])
        if step is None:
            return None
        return self._rows.setdefault(step.id, {}).setdefault(key, Row(key, step))

    def _moved(self, event: Event, key: str) -> None:
        if event.type == "step.expanded":
            self._expanded(event, key)
            return
        row, data = self.row(key), event.data
        if row is None:
            return
        row.state = STEP_STATE[event.type]
        if event.type == "step.started":
            row.attempts = event.attempt or row.attempts
            row.began = row.began or event.ts
        elif event.type == "step.reused":
            row.note = f"from run {data.get('run')}"
        if isinstance(cached := data.get("cached"), dict):
            row.note = f"cached, from run {cached.get('run')}"
        if row.state in ENDED:
            row.ended = event.ts
            row.message = str(data.get("message") or data.get("reason") or "")

    def _expanded(self, event: Event, key: str) -> None:
        legs = cast("list[dict[str, Json]]", event.data.get("legs", []))
        self._rows.get(key, {}).pop(key, None)
        for leg in legs:
            self.row(str(leg["leg"]))

    def _decided(self, event: Event) -> None:
        checks = cast("list[dict[str, Json]]", event.data.get("checks", []))
        told = {str(each["expression"]): cast("bool | None", each["ok"]) for each in checks}
        self.milestones[str(event.data.get("milestone"))] = Reached(event.type.partition(".")[2], told)
