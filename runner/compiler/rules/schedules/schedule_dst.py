"""`schedule-dst`: a local time that the change of clocks leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from runner.compiler.diagnostic import Diagnostic, warning
from runner.compiler.plan.calendar import clock_changes, is_skipped, next_fires, zone_of
from runner.compiler.plan.cron import Cron
from runner.compiler.plan.recurrence import Rule
from runner.compiler.rules.context import Context
from runner.compiler.rules.schedules.times import Time, crons, rules

CODE = "schedule-dst"
#: The year whose changes of clocks are looked at: the laws about them change seldom.
YEAR = 2027
#: Recurrence rules that are looked at: each takes some milliseconds.
_MOST_RULES = 50
_HINT = "choose a time that every day has, or `timezone: UTC`; `runner plan` shows the next times"


def _zone(one: Time) -> ZoneInfo | None:
    """The zone of a schedule whose clocks are changed."""
    zone = zone_of(one.schedule.timezone.value) if one.schedule.timezone else None
    return zone if zone is not None and clock_changes(zone, YEAR) else None


def _cron(cron: Cron, zone: ZoneInfo) -> datetime | None:
    """The first time of a cron that does not exist. Those by the hour lose nothing: the next one is near."""
    if cron.fields[1].startswith("*"):
        return None
    for day in clock_changes(zone, YEAR):
        for hour in sorted(cron.hours):
            for minute in sorted(cron.minutes):
                wall = datetime.combine(day, time(hour, minute))
                if cron.has(day) and is_skipped(wall, zone):
                    return wall
    return None


def _rule(text: str, rule: Rule, zone: ZoneInfo) -> str:
    """What a rule by the day or longer says about the change of clocks."""
    if rule.several or rule.frequency in ("HOURLY", "MINUTELY", "SECONDLY"):
        return ""
    for day in clock_changes(zone, YEAR):
        begin = datetime.combine(day, time(), UTC) - timedelta(days=1)
        for fire in next_fires({"rrule": text, "timezone": zone.key}, begin, 30):
            if "does not exist" in fire.note and fire.at.date() == day:
                return fire.note.partition(": ")[0]
    return ""


def _troubles(context: Context) -> Iterator[tuple[Time, str]]:
    for one, cron in crons(context):
        if isinstance(cron, Cron) and (zone := _zone(one)) and (wall := _cron(cron, zone)):
            yield one, f"{wall:%Y-%m-%d %H:%M} does not exist in {zone.key}"
    for one, rule in islice(rules(context), _MOST_RULES):
        if isinstance(rule, Rule) and (zone := _zone(one)) and (words := _rule(one.text, rule, zone)):
            yield one, words


def check(context: Context) -> list[Diagnostic]:
    """A schedule should not fire at a time that is left out when the clocks go forward."""
    return [
        warning(
            CODE, one.says(f"{words}, where the clocks go forward: that run starts an hour off"), one.node.span, _HINT
        )
        for one, words in _troubles(context)
    ]
