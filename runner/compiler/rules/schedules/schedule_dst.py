"""`schedule-dst`: a local time that the change of clocks leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
#: The years whose changes of clocks are looked at. A rule asks no clock; in ten years a change meets most days of its
#: week of the calendar, and the laws about it change seldom.
YEARS = range(2027, 2037)
#: Recurrence rules that are looked at: each takes some milliseconds.
_MOST_RULES = 20
_HINT = "choose a time that every day has, or `timezone: UTC`; `runner plan` shows the next times"


def _left_out(zone: ZoneInfo, hours: Iterable[int], minutes: Iterable[int]) -> Iterator[datetime]:
    """The local times of these hours and minutes that the changes of clocks leave out, in order."""
    times = [time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes)]
    for year in YEARS:
        for day in clock_changes(zone, year):
            walls = (datetime.combine(day, each) for each in times)
            yield from (wall for wall in walls if is_skipped(wall, zone))


def _cron(cron: Cron, zone: ZoneInfo) -> datetime | None:
    """The first time of a cron that does not exist. Those by the hour lose nothing: the next one is near."""
    if cron.fields[1].startswith("*"):
        return None
    return next((wall for wall in _left_out(zone, cron.hours, cron.minutes) if cron.has(wall.date())), None)


def _rule(text: str, rule: Rule, zone: ZoneInfo) -> datetime | None:
    """The first time of a rule by the day or longer that does not exist."""
    if rule.several or rule.frequency in ("HOURLY", "MINUTELY", "SECONDLY"):
        return None
    hours = rule.numbers("BYHOUR") or [rule.start.hour]
    minutes = rule.numbers("BYMINUTE") or [rule.start.minute]
    for day in dict.fromkeys(wall.date() for wall in _left_out(zone, hours, minutes)):
        begin = datetime.combine(day, time(), UTC) - timedelta(days=1)
        for fire in next_fires({"rrule": text, "timezone": zone.key}, begin, 30):
            if fire.left_out is not None and fire.left_out.date() == day:
                return fire.left_out
    return None


def _troubles(context: Context) -> Iterator[tuple[Time, ZoneInfo, datetime]]:
    for one, cron in crons(context):
        if isinstance(cron, Cron) and (zone := _zone(one)) and (wall := _cron(cron, zone)):
            yield one, zone, wall
    for one, rule in islice(rules(context), _MOST_RULES):
        if isinstance(rule, Rule) and (zone := _zone(one)) and (wall := _rule(one.text, rule, zone)):
            yield one, zone, wall


def _zone(one: Time) -> ZoneInfo | None:
    return zone_of(one.schedule.timezone.value) if one.schedule.timezone else None


def check(context: Context) -> list[Diagnostic]:
    """A schedule should not fire at a time that is left out when the clocks go forward."""
    found = []
    for one, zone, wall in _troubles(context):
        where = f"{wall:%Y-%m-%d %H:%M} does not exist in {zone.key}, where the clocks go forward"
        found.append(warning(CODE, one.says(f"{where}: that run starts an hour off"), one.node.span, _HINT))
    return found
