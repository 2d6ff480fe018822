"""Cron expressions of five fields: what each field may hold, and where in the text something is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from runner.compiler.suggest import nearest
from runner.records import dataclass

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LONGEST = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_PART = re.compile(r"(?P<from>\*|\w+)(?:-(?P<to>\w+))?(?:/(?P<step>\d{1,9}))?", re.ASCII)
_FOREIGN = re.compile(r"(?:\w*[LW]|\w+#\d+)", re.ASCII | re.IGNORECASE)
#: What other crons call some times, and the five fields that say the same.
ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
EXAMPLE = "every Monday at nine: 0 9 * * MON"


class Field(NamedTuple):
    """What one field of a cron expression is called and may hold."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of month", 1, 31),
    Field("month", 1, 12, _MONTHS),
    Field("day of week", 0, 7, _DAYS),
)
_NAMES = ", ".join(field.name for field in FIELDS)


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression: the values of each field, Sunday as 0, and the fields as written, in capitals."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    fields: tuple[str, ...]

    @property
    def normal(self) -> str:
        """The same times for a cron in which a field that begins with a star narrows the other day field (Debian's):
        where both day fields are narrowed, a day that fits either one counts, as in every cron.
        """
        minute, hour, day, month, weekday = self.fields
        every_day = len(self.days) == 31 and "*" in weekday
        every_weekday = len(self.weekdays) == 7 and "*" in day
        day = "*" if day == "*" or every_day else day.replace("*", "1-31")
        weekday = "*" if weekday == "*" or every_weekday else weekday.replace("*", "0-6")
        return " ".join((minute, hour, day, month, re.sub(r"-SUN\b", "-7", weekday)))

    def has(self, day: date) -> bool:
        """Whether it fires on that day."""
        _, _, in_month, _, in_week = self.normal.split()
        fits, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        either = in_month != "*" and in_week != "*"
        return day.month in self.months and (fits or of_week if either else fits and of_week)


@dataclass(frozen=True, slots=True)
class CronTrouble:
    """What is wrong with a cron expression, and where: `text[start:end]`. `instead` is what to write for it, or ""."""

    message: str
    start: int
    end: int
    hint: str = EXAMPLE
    instead: str = ""
    never: bool = False


class _Wrong(ValueError):
    """One part of a field is wrong."""

    def __init__(self, message: str, hint: str = EXAMPLE, instead: str = "") -> None:
        super().__init__(message)
        self.message, self.hint, self.instead = message, hint, instead


@lru_cache(maxsize=256)
def parse_cron(text: str) -> Cron | CronTrouble:
    """The times of a cron expression, or the first thing that is wrong with it; an expression that never fires too."""
    if text.strip().startswith("@"):
        return _alias(text)
    words = [(match[0], match.start()) for match in re.finditer(r"\S+", text)]
    if len(words) != len(FIELDS):
        return _count(text, words)
    values: list[frozenset[int]] = []
    for (word, at), field in zip(words, FIELDS, strict=True):
        found: set[int] = set()
        for start, part in pieces(word, ","):
            try:
                found |= _part(part, field)
            except _Wrong as wrong:
                begin = at + start
                return CronTrouble(wrong.message, begin, begin + max(len(part), 1), wrong.hint, wrong.instead)
        values.append(frozenset(found))
    minutes, hours, days, months, weekdays = values
    sundays = frozenset(0 if day == 7 else day for day in weekdays)
    cron = Cron(minutes, hours, days, months, sundays, tuple(word.upper() for word, _ in words))
    return _never(cron, words) or cron


def pieces(text: str, separator: str) -> Iterator[tuple[int, str]]:
    """The parts of a text between its separators, each with its place."""
    at = 0
    for part in text.split(separator):
        yield at, part
        at += len(part) + len(separator)


def _alias(text: str) -> CronTrouble:
    name = text.strip()
    start = text.index("@")
    same = ALIASES.get(name.lower(), "")
    hint = f"write {same}" if same else EXAMPLE
    return CronTrouble(
        f"`{name}` is a name of other crons; this one has five fields", start, start + len(name), hint, same
    )


def _count(text: str, words: list[tuple[str, int]]) -> CronTrouble:
    message = f"cron has five fields ({_NAMES}), this has {len(words)}"
    start = words[0][1] if words else 0
    end = words[-1][1] + len(words[-1][0]) if words else max(len(text), 1)
    if len(words) == 6 and words[0][0] == "0":
        five = text[words[1][1] : end]
        return CronTrouble(f"{message}: there is none for seconds", start, end, f"leave out the seconds: {five}", five)
    return CronTrouble(message, start, end)


def _never(cron: Cron, words: list[tuple[str, int]]) -> CronTrouble | None:
    """A day that no chosen month has, and no weekday that would fire instead."""
    if cron.fields[4] != "*" or any(min(cron.days) <= _LONGEST.get(month, 31) for month in cron.months):
        return None
    word, start = words[2]
    message = f"it never fires: no such month has a day {min(cron.days)}"
    return CronTrouble(message, start, start + len(word), "the last days of a month: 28-31", never=True)


def _number(word: str, field: Field) -> int | None:
    """What a word means in a field; None for nothing."""
    if word.upper() in field.names:
        return field.names.index(word.upper()) + field.low
    return int(word) if word.isdecimal() and len(word) < 5 else None


def _part(text: str, field: Field) -> set[int]:
    """The values of one part of a field. Raises _Wrong."""
    match = _PART.fullmatch(text)
    if match is None or (match["from"] == "*" and match["to"]):
        raise _unreadable(text, field)
    if match["from"] == "*":
        first, last = field.low, field.high
    else:
        first = _within(match["from"], text, field)
        end = _within(match["to"] or match["from"], text, field)
        if field.names is _DAYS and match["to"] and end == 0 < first:
            end = 7  # a week may end with Sunday
        if match["to"] and first == end:
            message = f"`{text}` is a range of one {field.name}, which Prefect reads as all of them"
            raise _Wrong(message, f"write {match['from']}", match["from"])
        last = field.high if match["step"] and not match["to"] else end
    step = int(match["step"] or 1)
    if step == 0:
        raise _Wrong(f"`{text}`: a step of 0 {field.name}s leads nowhere", f"{text.partition('/')[0]}/5")
    if first > last:
        instead = f"{match['from']}-{field.high},{field.low}-{match['to']}"
        raise _Wrong(
            f"`{text}` is an empty range of the {field.name}: it ends before it begins", f"write {instead}", instead
        )
    return set(range(first, last + 1, step))


def _within(word: str, text: str, field: Field) -> int:
    value = _number(word, field)
    if value is None or not field.low <= value <= field.high:
        if value is None and word.isalpha():
            raise _unreadable(text, field)
        raise _Wrong(f"`{text}` is no {field.name}: {_allowed(field)}")
    return value


def _allowed(field: Field) -> str:
    names = f" or {field.names[0]}-{field.names[-1]}" if field.names else ""
    return f"it is {field.low}-{field.high}{names}"


def _unreadable(text: str, field: Field) -> _Wrong:
    if not text:
        return _Wrong(f"a part of the {field.name} is empty", "remove the comma")
    near = nearest(text.upper(), field.names) if text.isalpha() else []
    if near:
        return _Wrong(f"`{text}` is no {field.name}: {_allowed(field)}", f"did you mean `{near[0]}`?", near[0])
    if text == "?":
        return _Wrong(f"`?` is no {field.name}: {_allowed(field)}, or * for all", "write *", "*")
    if _FOREIGN.fullmatch(text) and field.name.startswith("day"):
        return _Wrong(
            f"`{text}` is not in this cron, as all of `L`, `W` and `#`",
            "use `rrule`: FREQ=MONTHLY;BYMONTHDAY=-1 is a month's last day",
        )
    return _Wrong(f"`{text}` is no {field.name}: {_allowed(field)}")
