"""When schedules fire next, as Prefect's own schedules do: the only file that knows cron and recurrence libraries.

The moment to count from is handed in: the compiler asks for no clock. Facts from Prefect 3.8's
`prefect.server.schemas.schedules`, held by tests/compiler/plan/test_calendar.py against the genuine classes:

- Times of `cron` and `rrule` are local. One that the change of clocks leaves out fires an hour earlier (`cron` under
  Python 3.13 and later: an hour later); one that happens twice fires once, the first time.
- `every` counts from the start of 2020 in whole intervals. Less than a day is counted in seconds; from a day on,
  times of one look ahead keep their place on the clock.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

from runner.compiler.canonical import Json
from runner.compiler.plan.cron import Cron, parse_cron
from runner.compiler.plan.recurrence import ANCHOR, SECONDS, Rule, advanced, parse_rule
from runner.compiler.spec.units import seconds
from runner.records import dataclass

#: Prefect's schedules rest on another library of dates from Python 3.13 on, which moves times the other way.
_NEW_DATES = sys.version_info >= (3, 13)
#: Candidates that are looked at for one list of times, and how far ahead.
_MOST_CANDIDATES = 1000
_FAR = timedelta(days=9 * 366)
#: Frequent rules are followed for less long, so that one that hardly ever fires is answered soon.
_NEAR = {"MINUTELY": timedelta(days=200), "SECONDLY": timedelta(days=3)}
#: Intervals of a rule that may lie between its start and now where they have to be counted one by one.
_MOST_COUNTED = 200_000
_LONGEST_INTERVAL = 100 * 366 * 86400.0
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Fire:
    """One start by a schedule: `at` in the schedule's time zone; `note` is what the change of clocks does to it, and
    `left_out` the local time that was meant and does not exist.
    """

    at: datetime
    note: str = ""
    left_out: datetime | None = None


def zone_of(name: str) -> ZoneInfo | None:
    """The time zone of that name; None if there is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return None


def next_fires(schedule: Mapping[str, Json], start: datetime, count: int = 5) -> list[Fire]:
    """The next times of a schedule (`cron`, `every` or `rrule`, `timezone`), at `start` or later; `start` is aware.

    Empty for a schedule that is not active, that is wrong or that has no more times.
    """
    name = schedule.get("timezone", "UTC")
    zone = zone_of(name) if isinstance(name, str) else None
    if zone is None or schedule.get("active") is False:
        return []
    begin = start.astimezone(zone)
    if isinstance(text := schedule.get("cron"), str):
        cron = parse_cron(text)
        found = _cron(cron, begin, zone) if isinstance(cron, Cron) else iter(())
    elif isinstance(text := schedule.get("rrule"), str):
        rule = parse_rule(text)
        found = _rrule(text, rule, begin, zone) if isinstance(rule, Rule) else iter(())
    else:
        found = _every(seconds(schedule.get("every")) or 0.0, begin, zone)
    unique: dict[datetime, Fire] = {}
    for fire in islice(found, _MOST_CANDIDATES):
        unique.setdefault(fire.at.astimezone(UTC), fire)
        if len(unique) >= count:
            break
    return [unique[at] for at in sorted(unique)]


def upcoming(schedules: Json, start: datetime, count: int = 5) -> dict[str, list[Fire]]:
    """The next times of each schedule by its id; `schedules` are as a plan has them in `extra`."""
    listed = schedules if isinstance(schedules, list) else []
    return {str(one.get("id")): next_fires(one, start, count) for one in listed if isinstance(one, dict)}


def refusal(rule: str) -> str:
    """Why the library of recurrence rules refuses this one; "" if it takes it."""
    from dateutil.rrule import rrulestr

    try:
        rrulestr(rule, dtstart=ANCHOR, ignoretz=True)
    except (ValueError, TypeError) as error:
        return str(error)
    return ""


# ---------------------------------------------------------------- local times


@lru_cache(maxsize=64)
def clock_changes(zone: ZoneInfo, year: int) -> tuple[date, ...]:
    """The days of a year on which the clocks of a zone are changed."""
    midnights = [datetime(year, 1, 1, tzinfo=zone) + timedelta(days=number) for number in range(366)]
    return tuple(day.date() for day, after in pairwise(midnights) if day.utcoffset() != after.utcoffset())


def is_skipped(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether the change of clocks leaves out this local time."""
    aware = wall.replace(tzinfo=zone)
    return aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall


def is_repeated(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether the change of clocks makes this local time happen twice."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return first != second and not is_skipped(wall, zone)


def _settled(wall: datetime, zone: ZoneInfo, *, later: bool, second: bool = False) -> datetime:
    """The moment of a local time: one that is left out fires by the offset before (`later`) or after the change, one
    that happens twice the first or the `second` time.
    """
    fold = int(not later) if is_skipped(wall, zone) else int(second)
    return wall.replace(tzinfo=zone, fold=fold).astimezone(UTC).astimezone(zone)


def _local(wall: datetime, zone: ZoneInfo, *, later: bool) -> Fire:
    at = _settled(wall, zone, later=later)
    return Fire(at, note(wall, at, zone), None if at.replace(tzinfo=None) == wall else wall)


def note(wall: datetime, at: datetime, zone: ZoneInfo) -> str:
    """What the change of clocks does to a local time that fires at `at`; "" if nothing."""
    if at.replace(tzinfo=None) != wall:
        return f"{wall:%Y-%m-%d %H:%M} does not exist in {zone.key}: it fires at {at:%H:%M}"
    if is_repeated(wall, zone):
        return f"{wall:%H:%M} happens twice in {zone.key}: it fires once, the first time"
    return ""


# ---------------------------------------------------------------- the three kinds


def _cron(cron: Cron, begin: datetime, zone: ZoneInfo) -> Iterator[Fire]:
    from cronsim import CronSim

    # A second earlier, so that a time at `begin` itself counts.
    wall = begin.replace(tzinfo=None, fold=0) - timedelta(seconds=1)
    if wall.microsecond:
        wall += timedelta(seconds=1)
    return (_local(each, zone, later=_NEW_DATES) for each in CronSim(cron.normal, wall))


def _every(interval: float, begin: datetime, zone: ZoneInfo) -> Iterator[Fire]:
    if not 0 < interval <= _LONGEST_INTERVAL:
        return
    step = timedelta(seconds=interval)
    anchor = ANCHOR.replace(tzinfo=zone).astimezone(UTC)
    passed = int((begin - anchor) / step)  # towards the anchor, as Prefect has it
    at = (anchor + step * passed).astimezone(zone)
    before = None
    while True:
        if at >= begin:  # by what the clocks show, as Prefect compares them
            moved = before is not None and before.utcoffset() != at.utcoffset()
            yield Fire(at, f"the clocks have changed in {zone.key} since the time before" if moved else "")
            before = at
        at = _after(at, step, zone)


def _after(at: datetime, step: timedelta, zone: ZoneInfo) -> datetime:
    """One interval later: by the clock on the wall from a day on, else by seconds."""
    if not step.days:
        return (at.astimezone(UTC) + step).astimezone(zone)
    return _settled(at.replace(tzinfo=None, fold=0) + step, zone, later=True, second=not _NEW_DATES)


def _rrule(text: str, rule: Rule, begin: datetime, zone: ZoneInfo) -> Iterator[Fire]:
    from dateutil.rrule import rrulestr

    wall = begin.replace(tzinfo=None, fold=0) - _HOUR * 3  # clocks are changed by less
    first = rule.start if rule.several else advanced(rule, wall)
    if (wall - first).total_seconds() / (SECONDS[rule.frequency] * rule.interval) > _MOST_COUNTED:
        return
    far = max(wall, first) + min(_NEAR.get(rule.frequency, _FAR) * min(rule.interval, 1000), _FAR)
    try:
        times: Any = rrulestr(text, dtstart=ANCHOR, ignoretz=True)
        if not rule.several:
            times = times.replace(dtstart=first, until=min(rule.until or far, far))
        for each in times.xafter(wall, inc=True):
            fire = _local(each, zone, later=False)
            if each > far:
                return
            if fire.at.astimezone(UTC) >= begin.astimezone(UTC):  # in one zone, Python compares what the clocks show
                yield fire
    except (ValueError, TypeError, OverflowError):
        return  # what the rule's own check lets through and the library refuses has no times
