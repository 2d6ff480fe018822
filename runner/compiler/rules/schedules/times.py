"""The times of the schedules of a spec: each text with its place and what it means."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.diagnostic import Fix, Span
from runner.compiler.document import Document, Scalar
from runner.compiler.expressions.place import locate
from runner.compiler.plan.cron import Cron, CronTrouble, parse_cron
from runner.compiler.plan.recurrence import Rule, RuleTrouble, parse_rule
from runner.compiler.rules.context import Context
from runner.compiler.spec import ScheduleDecl
from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class Time:
    """The text that says when a schedule fires."""

    document: Document
    schedule: ScheduleDecl
    node: Scalar
    text: str

    def says(self, message: str) -> str:
        """A message that names the schedule."""
        return f"the schedule `{self.schedule.id}`: {message}"

    def part(self, trouble: CronTrouble | RuleTrouble) -> Span:
        """Where the wrong part of the text stands."""
        return locate(self.document, self.node, trouble.start, trouble.end)

    def fix(self, trouble: CronTrouble | RuleTrouble) -> Fix | None:
        """What to write for the wrong part, if that is known. Only the author knows which times were meant."""
        if not trouble.instead:
            return None
        return Fix(f"write {trouble.instead}", self.part(trouble), trouble.instead, safe=False)


def times(context: Context, key: str) -> Iterator[Time]:
    """Each schedule that has a text under `key`."""
    for schedule in context.workflow.schedules:
        node = schedule.node.get(key)
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value:
            yield Time(context.document, schedule, node, node.value)


def crons(context: Context) -> Iterator[tuple[Time, Cron | CronTrouble]]:
    """Each `cron` and what it means."""
    for one in times(context, "cron"):
        yield one, parse_cron(one.text)


def rules(context: Context) -> Iterator[tuple[Time, Rule | RuleTrouble]]:
    """Each `rrule` and what it means."""
    for one in times(context, "rrule"):
        yield one, parse_rule(one.text)
