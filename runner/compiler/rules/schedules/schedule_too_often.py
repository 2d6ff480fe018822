"""`schedule-too-often`: less time between two starts than the settings allow."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from runner.compiler.diagnostic import Diagnostic, Span, error
from runner.compiler.plan.amounts import lasting
from runner.compiler.plan.cron import Cron
from runner.compiler.plan.recurrence import Rule, shortest
from runner.compiler.rules.context import Context
from runner.compiler.rules.schedules.times import crons, rules
from runner.compiler.spec.read import plain
from runner.compiler.spec.units import seconds

CODE = "schedule-too-often"
_HINT = "fire less often, or let one run do several rounds: repeat: {until: …, max: …, delay: …}"


def cron_interval(cron: Cron) -> float:
    """The least seconds between two starts of a cron expression."""
    minutes, hours = sorted(cron.minutes), sorted(cron.hours)
    gaps = [60.0 * (after - before) for before, after in pairwise(minutes)]
    around = 60.0 * (60 + minutes[0] - minutes[-1])
    steps = [after - before for before, after in pairwise(hours)]
    if len(cron.days) > 1 or len(cron.weekdays) > 1:
        steps.append(24 + hours[0] - hours[-1])
    return min([*gaps, *(around + 3600.0 * (step - 1) for step in steps), 86400.0])


def _intervals(context: Context) -> Iterator[tuple[str, Span, float]]:
    for schedule in context.workflow.schedules:
        node = schedule.node.get("every")
        every = seconds(plain(node))
        if node is not None and every is not None:
            yield schedule.id, node.span, every
    for time, cron in crons(context):
        if isinstance(cron, Cron):
            yield time.schedule.id, time.node.span, cron_interval(cron)
    for time, rule in rules(context):
        if isinstance(rule, Rule):
            yield time.schedule.id, time.node.span, shortest(rule)


def check(context: Context) -> list[Diagnostic]:
    """Between two starts there must be as long as `checks.options.schedule_interval` of runner.toml says: a minute."""
    least = context.around.settings.schedule_interval
    rule = f"at least {lasting(least)} must lie between two starts"
    return [
        error(CODE, f"the schedule `{id_}` fires every {lasting(interval)}; {rule}", span, _HINT)
        for id_, span, interval in _intervals(context)
        if interval < least
    ]
