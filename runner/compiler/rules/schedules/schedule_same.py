"""`schedule-same`: two schedules that start the same run at the same times."""

from __future__ import annotations

from runner.compiler.canonical import Json, canonical
from runner.compiler.diagnostic import Diagnostic, Related, warning
from runner.compiler.inputs import defaults, inputs_schema
from runner.compiler.plan.cron import Cron, parse_cron
from runner.compiler.plan.recurrence import Rule, parse_rule
from runner.compiler.rules.context import Context
from runner.compiler.spec import ScheduleDecl
from runner.compiler.spec.read import plain, plain_map, text
from runner.compiler.spec.units import seconds

CODE = "schedule-same"


def _times(schedule: ScheduleDecl) -> Json:
    """What is equal for schedules that fire at the same times; None for one that cannot be read."""
    if schedule.cron is not None:
        cron = parse_cron(schedule.cron.value)
        if not isinstance(cron, Cron):
            return None
        _, _, day, _, weekday = cron.normal.split()
        sets = (cron.minutes, cron.hours, cron.days, cron.months, cron.weekdays)
        values: list[Json] = [list[Json](sorted(each)) for each in sets]
        return ["cron", day == "*", weekday == "*", *values]
    rule = text(schedule.node.get("rrule"))
    if rule:
        found = parse_rule(rule)
        if not isinstance(found, Rule) or found.several:
            return None
        return ["rrule", dict(found.parts), found.start.isoformat()]
    every = seconds(plain(schedule.node.get("every")))
    return ["every", every] if every else None


def check(context: Context) -> list[Diagnostic]:
    """No two active schedules should have the same times, time zone and inputs."""
    if len(context.workflow.schedules) < 2:
        return []
    found: list[Diagnostic] = []
    first: dict[bytes, ScheduleDecl] = {}
    standard = defaults(inputs_schema(context.workflow))
    for schedule in context.workflow.schedules:
        times = _times(schedule)
        if times is None or plain(schedule.node.get("active")) is False:
            continue
        zone = schedule.timezone.value if schedule.timezone else "UTC"
        inputs = {**standard, **plain_map(schedule.inputs)}
        other = first.setdefault(canonical({"times": times, "zone": zone, "inputs": inputs}), schedule)
        if other is not schedule:
            message = f"the schedule `{schedule.id}` fires whenever `{other.id}` does, with the same inputs"
            related = (Related(f"`{other.id}` is here", other.span),)
            found.append(warning(CODE, message, schedule.span, "keep one of them, or give it other inputs", related))
    return found
