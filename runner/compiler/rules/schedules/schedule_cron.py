"""`schedule-cron`: a cron expression that cannot be read or never fires."""

from __future__ import annotations

import re

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.rules.context import Context

CODE = "schedule-cron"
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
)
_PART = re.compile(r"(?P<from>\*|\w+)(?:-(?P<to>\w+))?(?:/(?P<step>\d+))?")
_LONGEST = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


def _number(word: str, first: int, names: tuple[str, ...]) -> int | None:
    if word.upper() in names:
        return names.index(word.upper()) + first
    return int(word) if word.isdecimal() and len(word) < 5 else None


def _part(text: str, field: tuple[str, int, int, tuple[str, ...]]) -> tuple[set[int], str | None]:
    """The values of one part of a field, and what is wrong with it."""
    name, low, high, names = field
    match = _PART.fullmatch(text)
    if match is None:
        return set(), f"`{text}` is no {name}"
    if match["from"] == "*":
        first, last = low, high
    else:
        start, end = (_number(word, low, names) for word in (match["from"], match["to"] or match["from"]))
        if start is None or end is None or not (low <= start <= high and low <= end <= high):
            more = f" or {names[0]}-{names[-1]}" if names else ""
            return set(), f"`{text}` is no {name}: it is {low}-{high}{more}"
        first, last = start, high if match["step"] and not match["to"] else end
    step = int(match["step"] or 1)
    if step == 0 or first > last or (match["from"] == "*" and match["to"]):
        return set(), f"`{text}` is an empty range of the {name}"
    return set(range(first, last + 1, step)), None


def cron_trouble(cron: str) -> str | None:
    """What is wrong with a cron expression of five fields, or None."""
    fields = cron.split()
    if len(fields) != len(_FIELDS):
        return f"cron has five fields (minute, hour, day of month, month, day of week), this has {len(fields)}"
    values: list[set[int]] = []
    for text, field in zip(fields, _FIELDS, strict=True):
        found: set[int] = set()
        for part in text.split(","):
            these, trouble = _part(part, field)
            if trouble:
                return trouble
            found |= these
        values.append(found)
    if fields[4] == "*" and all(min(values[2]) > _LONGEST.get(month, 31) for month in values[3]):
        return "it never fires: no such month has that day"
    return None


def check(context: Context) -> list[Diagnostic]:
    """`cron` must be five fields in their ranges, and a time that exists."""
    return [
        error(CODE, f"the schedule `{schedule.id}`: {trouble}", schedule.cron.span, "every Monday at nine: 0 9 * * MON")
        for schedule in context.workflow.schedules
        if schedule.cron is not None and (trouble := cron_trouble(schedule.cron.value)) is not None
    ]
