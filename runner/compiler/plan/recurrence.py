"""Recurrence rules of RFC 5545 as schedules write them: their parts, and where in the text something is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from datetime import datetime, timedelta
from itertools import pairwise

from runner.compiler.plan.cron import pieces
from runner.compiler.suggest import did_you_mean, nearest
from runner.records import dataclass

FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")
#: Seconds between two times of a frequency, at the least.
SECONDS = dict(zip(FREQUENCIES, (365 * 86400, 28 * 86400, 7 * 86400, 86400, 3600, 60, 1), strict=True))
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
#: A rule without DTSTART counts from here, in the time zone of the schedule, as Prefect does.
ANCHOR = datetime(2020, 1, 1)
#: The longest text that Prefect takes.
LONGEST = 6500
_LONGEST_MONTH = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_BOUNDS = {
    "BYMONTH": (1, 12),
    "BYHOUR": (0, 23),
    "BYMINUTE": (0, 59),
    "BYSECOND": (0, 59),
    "BYMONTHDAY": (1, 31),
    "BYYEARDAY": (1, 366),
    "BYWEEKNO": (1, 53),
    "BYSETPOS": (1, 366),
}
_SIGNED = ("BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS")
NAMES = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", *_BOUNDS)
LINES = ("RRULE", "DTSTART", "RDATE", "EXDATE")
_DAY = re.compile(r"([+-]?[1-9]\d?)?(MO|TU|WE|TH|FR|SA|SU)")
_MOMENT = re.compile(r"(\d{8})(T\d{6})?(Z)?")
EXAMPLE = "every Monday at nine: FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0;BYSECOND=0"


@dataclass(frozen=True, slots=True)
class RuleTrouble:
    """What is wrong with a rule, and where: `text[start:end]`. `instead` is what to write for it, or ""."""

    message: str
    start: int
    end: int
    hint: str = EXAMPLE
    instead: str = ""
    never: bool = False


class _Wrong(ValueError):
    """Something in the rule is wrong."""

    def __init__(self, trouble: RuleTrouble) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble


@dataclass(slots=True)
class Rule:
    """One RRULE: the values of its parts, in capitals, and where each value is written."""

    parts: dict[str, str] = field(default_factory=dict)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    start: datetime = ANCHOR
    several: bool = False

    @property
    def frequency(self) -> str:
        """How often, one of FREQUENCIES."""
        return self.parts["FREQ"]

    @property
    def interval(self) -> int:
        """Every how many of them."""
        return int(self.parts.get("INTERVAL", "1"))

    def numbers(self, name: str) -> list[int]:
        """The numbers of a part, none if it is not there."""
        return [int(word) for word in self.parts[name].split(",")] if name in self.parts else []

    @property
    def until(self) -> datetime | None:
        """The last moment, local."""
        return moment(self.parts["UNTIL"]) if "UNTIL" in self.parts else None


def moment(text: str) -> datetime | None:
    """A date or a local time of RFC 5545; None for anything else."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1] + (match[2] or "T000000"), "%Y%m%dT%H%M%S")
    except ValueError:
        return None


def parse_rule(text: str) -> Rule | RuleTrouble:
    """The rule in a text, or the first thing that is wrong with it; a rule that never fires too."""
    if len(text) > LONGEST:
        return RuleTrouble(
            f"the rule has {len(text)} characters, at most {LONGEST} are allowed", 0, len(text), "shorten it"
        )
    rule = Rule()
    try:
        for at, line in _lines(text):
            _line(rule, line, at)
        _whole(rule, text)
    except _Wrong as wrong:
        return wrong.trouble
    return rule


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for match in re.finditer(r"\S+", text):
        yield match.start(), match[0].upper()


def _line(rule: Rule, line: str, at: int) -> None:
    name, colon, rest = line.partition(":")
    kind = name.partition(";")[0]
    if not colon:
        _parts(rule, line, at)
    elif kind == "RRULE":
        rule.several = rule.several or bool(rule.parts)
        _parts(rule, rest, at + len(name) + 1)
    elif kind == "DTSTART":
        start = moment(rest)
        if start is None:
            place = (at + len(name) + 1, at + len(line))
            raise _Wrong(RuleTrouble(f"`{rest}` is no moment", *place, "write it as 20270401T090000"))
        rule.start = start
    elif kind not in LINES:
        hint = did_you_mean(kind, LINES) or f"it may be {', '.join(LINES)}"
        if kind == "EXRULE":  # it was in RFC 2445; a rule that takes all times away is looked through for very long
            hint = "name the times to leave out: EXDATE:20270402T090000"
        raise _Wrong(RuleTrouble(f"`{kind}` is no line of a recurrence rule", at, at + len(kind), hint))
    else:
        rule.several = True


def _parts(rule: Rule, text: str, at: int) -> None:
    rule.parts.clear()
    for offset, pair in pieces(text, ";"):
        start = at + offset
        if not pair:
            message = "there is an empty part in the rule"
            raise _Wrong(RuleTrouble(message, max(start - 1, 0), max(start, 1), "remove the `;`"))
        name, equals, value = pair.partition("=")
        place = (start, start + len(name))
        if not equals:
            raise _Wrong(RuleTrouble(f"`{pair}` is not NAME=VALUE", *place))
        if name not in NAMES:
            raise _Wrong(_unknown(name, place))
        if name in rule.parts:
            raise _Wrong(RuleTrouble(f"`{name}` is given twice", *place, "keep one of them"))
        rule.parts[name] = value
        rule.places[name] = (place[1] + 1, start + len(pair))
    for name in rule.parts:
        _value(rule, name)


def _unknown(name: str, place: tuple[int, int]) -> RuleTrouble:
    near = nearest(name, NAMES)
    hint = f"did you mean `{near[0]}`?" if near else f"it may have {', '.join(NAMES)}"
    return RuleTrouble(f"a recurrence rule has no `{name}`", *place, hint, near[0] if near else "")


def _refuse(rule: Rule, name: str, allowed: str, instead: str = "") -> None:
    hint = f"did you mean `{instead}`?" if instead else allowed
    message = f"`{rule.parts[name]}` is no {name}: {allowed}"
    raise _Wrong(RuleTrouble(message, *rule.places[name], hint if instead else EXAMPLE, instead))


def _value(rule: Rule, name: str) -> None:
    """Raise _Wrong unless the value of a part is one that it may have."""
    value = rule.parts[name]
    if name == "FREQ" and value not in FREQUENCIES:
        _refuse(rule, name, f"it is one of {', '.join(FREQUENCIES)}", next(iter(nearest(value, FREQUENCIES)), ""))
    elif name in ("INTERVAL", "COUNT") and not (value.isdecimal() and int(value[:6]) > 0 and len(value) <= 6):
        _refuse(rule, name, "it is a whole number from 1 to 999999")
    elif name == "WKST" and value not in WEEKDAYS:
        _refuse(rule, name, f"it is one of {', '.join(WEEKDAYS)}")
    elif name == "BYDAY" and not all(_DAY.fullmatch(word) for word in value.split(",")):
        _refuse(rule, name, "it is a list of MO, TU, WE, TH, FR, SA, SU; 1MO is the first Monday, -1FR the last Friday")
    elif name == "UNTIL":
        if moment(value) is None:
            _refuse(rule, name, "it is a date or a local time, 20271231T235959")
        if value.endswith("Z"):
            message = "`UNTIL` is a local time of the schedule's time zone: Prefect refuses one with a `Z`"
            raise _Wrong(RuleTrouble(message, *rule.places[name], f"write {value[:-1]}", value[:-1]))
    elif name in _BOUNDS:
        _bounds(rule, name)


def _bounds(rule: Rule, name: str) -> None:
    low, high = _BOUNDS[name]
    signed = name in _SIGNED
    for word in rule.parts[name].split(","):
        bare = word.removeprefix("-").removeprefix("+") if signed else word
        if not (bare.isdecimal() and len(bare) < 4 and low <= int(bare) <= high):
            _refuse(rule, name, f"each is {low}-{high}" + (", or with a minus counted from the end" if signed else ""))


def _whole(rule: Rule, text: str) -> None:
    """Raise _Wrong where the parts do not go together, or never give a time."""
    if not rule.parts:
        raise _Wrong(RuleTrouble("there is no RRULE in it", 0, max(len(text), 1)))
    first = min(place[0] for place in rule.places.values())
    last = max(place[1] for place in rule.places.values())
    if "FREQ" not in rule.parts:
        raise _Wrong(RuleTrouble("the rule has no `FREQ`", first, last, "begin with FREQ=DAILY, FREQ=WEEKLY, …"))
    if "COUNT" in rule.parts and "UNTIL" in rule.parts:
        message = "`COUNT` and `UNTIL` cannot stand in one rule: one of them ends it"
        raise _Wrong(RuleTrouble(message, *rule.places["COUNT"], "keep one of them"))
    until = rule.until
    if until is not None and until < rule.start:
        begin = "DTSTART" if rule.start != ANCHOR else "2020-01-01, from where a rule without DTSTART counts"
        message = f"it never fires: `UNTIL` is before {begin}"
        raise _Wrong(RuleTrouble(message, *rule.places["UNTIL"], "choose a later end", never=True))
    months, days = rule.numbers("BYMONTH"), rule.numbers("BYMONTHDAY")
    if months and days and all(abs(day) > _LONGEST_MONTH.get(month, 31) for day in days for month in months):
        message = f"it never fires: no such month has a day {min(abs(day) for day in days)}"
        hint = "BYMONTHDAY=-1 is the last day of a month"
        raise _Wrong(RuleTrouble(message, *rule.places["BYMONTHDAY"], hint, never=True))


def shortest(rule: Rule) -> float:
    """The least seconds between two times of the rule, as far as its parts tell."""
    least = float(SECONDS[rule.frequency] * rule.interval)
    for name, size, around in (("BYSECOND", 1, 60), ("BYMINUTE", 60, 3600), ("BYHOUR", 3600, 86400)):
        values = sorted({size * number for number in rule.numbers(name)})
        if len(values) > 1:
            least = min(least, *(after - before for before, after in pairwise(values)))
            least = min(least, values[0] + around - values[-1])
    return least


def advanced(rule: Rule, towards: datetime) -> datetime:
    """A moment shortly before `towards` from which a frequent rule may as well count: whole intervals after its start.

    Only for rules by the hour, minute or second that do not count their times; others keep their start.
    """
    step = {"HOURLY": 3600, "MINUTELY": 60, "SECONDLY": 1}.get(rule.frequency)
    if step is None or "COUNT" in rule.parts or towards <= rule.start:
        return rule.start
    size = timedelta(seconds=step * rule.interval)
    return rule.start + size * max((towards - rule.start) // size - 1, 0)
