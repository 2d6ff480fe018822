"""What a price is made of: low, likely and high amounts, by step, by sandbox and for the whole run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class Range:
    """An amount that is not known before: at least `low`, probably `likely`, at most `high`."""

    low: float = 0.0
    likely: float = 0.0
    high: float = 0.0

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def __mul__(self, other: Range | float) -> Range:
        by = other if isinstance(other, Range) else Range(other, other, other)
        return Range(self.low * by.low, self.likely * by.likely, self.high * by.high)

    def __bool__(self) -> bool:
        return self.high > 0

    def within(self, least: float, most: float) -> Range:
        """Each of the three no less than `least` and no more than `most`."""
        return Range(*(min(max(value, least), most) for value in (self.low, self.likely, self.high)))

    def rounded(self) -> Range:
        """To a millionth, so that sums of the same amounts are printed alike."""
        return Range(round(self.low, 6), round(self.likely, 6), round(self.high, 6))


def total(amounts: Iterable[Range]) -> Range:
    """The sum of the amounts."""
    return sum(amounts, Range())


@dataclass(frozen=True, slots=True)
class StepPrice:
    """What one step takes: `legs` how many there are, `seconds` from its start to its end, and US dollars: `box` for
    the time that its legs use a box, `model` for an agent's model, `workflow` for the workflow that it runs.
    """

    legs: Range = field(default_factory=Range)
    seconds: Range = field(default_factory=Range)
    box: Range = field(default_factory=Range)
    model: Range = field(default_factory=Range)
    workflow: Range = field(default_factory=Range)

    @property
    def usd(self) -> Range:
        """US dollars for all of it."""
        return (self.box + self.model + self.workflow).rounded()


@dataclass(frozen=True, slots=True)
class SandboxPrice:
    """What the boxes of one sandbox take: seconds of box time and US dollars."""

    seconds: Range = field(default_factory=Range)
    usd: Range = field(default_factory=Range)


@dataclass(frozen=True, slots=True)
class Price:
    """What one run takes: US dollars, and seconds from its start to its end.

    The dollars are those of the sandboxes, models and sub-workflows. A shared box is paid from the first step in it to
    the end of the run, so the steps' own box time need not add up to it. `bounded` says whether `high` cannot be
    passed; `notes` are sentences about what is not known.
    """

    usd: Range = field(default_factory=Range)
    seconds: Range = field(default_factory=Range)
    steps: dict[str, StepPrice] = field(default_factory=dict)
    sandboxes: dict[str, SandboxPrice] = field(default_factory=dict)
    bounded: bool = True
    notes: tuple[str, ...] = ()


def dollars(amount: float) -> str:
    """US dollars for people: two digits of what is less than ten cents, else cents."""
    if amount == 0:
        return "$0"
    if amount < 0.1:
        return f"${amount:.2g}" if amount >= 0.0001 else "<$0.0001"
    return f"${amount:,.2f}"


def shown(amount: Range) -> str:
    """`low – likely – high` in US dollars; one amount where the three are the same for people."""
    words = [dollars(value) for value in (amount.low, amount.likely, amount.high)]
    return words[0] if len(set(words)) == 1 else " – ".join(words)


_UNITS = ((86400, "d"), (3600, "h"), (60, "m"))


def lasting(seconds: float) -> str:
    """A time for people, in its two largest units: `1d 2h`, `10m`, `1.5s`."""
    for number, (size, unit) in enumerate(_UNITS):
        if seconds >= size:
            whole, rest = divmod(round(seconds), size)
            smaller, name = (*_UNITS, (1, "s"))[number + 1]
            return f"{whole}{unit}" + (f" {rest // smaller}{name}" if rest >= smaller else "")
    return f"{round(seconds, 1):g}s"


def shown_time(seconds: Range) -> str:
    """`low – likely – high` of a time; one where the three are the same for people."""
    words = [lasting(value) for value in (seconds.low, seconds.likely, seconds.high)]
    return words[0] if len(set(words)) == 1 else " – ".join(words)
