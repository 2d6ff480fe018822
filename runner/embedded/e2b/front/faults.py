"""Faults made on purpose, so that a client can see how it bears them.

A rule is one word: `PLACE:EFFECT` and then `:OPTION=VALUE` as often as needed, like `create:429:retry-after=2:times=3`.
It strikes requests of its place once `skip` of them have gone by and `after` seconds have passed, `times` times; the
first rule that strikes a request is the only one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping

from runner.errors import UsageError
from runner.records import dataclass

#: Where a rule strikes: requests of the control plane, then those to a box.
PLACES = {
    "any": "every request",
    "api": "every request of the control plane",
    "create": "making a box",
    "connect": "connecting to a box, or resuming it",
    "info": "looking at a box, or listing boxes",
    "timeout": "changing a box's time to live",
    "kill": "ending a box",
    "template": "templates and their builds",
    "box": "every request to a box",
    "command": "commands: starting, joining, input, signals",
    "files": "files and folders of a box",
    "port": "ports in a box other than the agent's",
}
#: What it does there; a number is an HTTP status.
EFFECTS = {
    "400…599": "answers with that status, as the hosted service would, and does nothing else",
    "delay": "waits `seconds` before the request is served",
    "drop": "breaks the connection, also of requests under way when the rule begins",
    "cut": "breaks the connection when `bytes` of the answer have gone out",
    "kill": "ends the box that the request is for, also of requests under way when the rule begins",
}
#: What can be said more.
OPTIONS = {
    "skip": "so many requests go by unharmed first",
    "after": "the rule begins so long after it was set: 30s, 500ms, 2m",
    "times": "so often at most",
    "seconds": "how long `delay` lasts; for `drop` and `kill`, how far into the request they come",
    "bytes": "where `cut` strikes: 1MB, 64KiB, 100",
    "retry-after": "the header of that name, in whole seconds",
    "message": "what the error body says; the rest of the rule, colons included",
}
#: Error bodies' messages where the rule names none: the hosted service's own.
MESSAGES = {
    400: "Timeout cannot be greater than 1 hours",
    401: "Invalid API key, please visit https://e2b.dev/docs/api-key for more information.",
    403: "team is blocked",
    404: "not found",
    409: "the sandbox is in another state than this needs",
    429: "Rate limit exceeded, please try again later.",
    500: "Internal server error",
    502: "The sandbox was not found",
    503: "No nodes available to place the sandbox, please try again later",
    504: "The sandbox did not answer in time",
    507: "not enough disk space available",
}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "": 1.0}
_BYTES = {"": 1, "kb": 1000, "mb": 1000**2, "kib": 1024, "mib": 1024**2}
_AMOUNT = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([A-Za-z]*)")
_TAKES = {"delay": {"seconds"}, "drop": {"seconds"}, "kill": {"seconds"}, "cut": {"bytes"}}
_HINT = "PLACE:EFFECT[:OPTION=VALUE]…, like create:429:retry-after=2:times=3; all words: docs/e2b.md"


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault, as its text says."""

    text: str
    place: str
    effect: str
    status: int = 0
    skip: int = 0
    after: float = 0.0
    times: int | None = None
    seconds: float = 0.0
    bytes: int = 0
    retry_after: int | None = None
    message: str = ""

    @property
    def said(self) -> str:
        """The message of the error body."""
        return self.message or MESSAGES.get(self.status, f"fault {self.status}")

    @property
    def at_once(self) -> bool:
        """Whether it strikes also what is under way when it begins."""
        return self.effect in ("drop", "kill") and not self.skip and not self.seconds and self.times is None


class Faults:
    """The rules that hold now, and how far each has got."""

    def __init__(self, rules: Iterable[Rule] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.rules: tuple[Rule, ...] = ()
        self.replace(rules)

    def replace(self, rules: Iterable[Rule]) -> None:
        """Forget the rules before; these begin now."""
        self.rules = tuple(rules)
        self._began = self._clock()
        self._seen = [0] * len(self.rules)
        self._struck = [0] * len(self.rules)

    def strike(self, places: frozenset[str]) -> Rule | None:
        """The rule that strikes a request now, which belongs to these places; each call is one request."""
        for number, rule in enumerate(self.rules):
            if rule.place not in places or self._clock() - self._began < rule.after:
                continue
            if rule.times is not None and self._struck[number] >= rule.times:
                continue
            self._seen[number] += 1
            if self._seen[number] > rule.skip:
                self._struck[number] += 1
                return rule
        return None


def parse(text: str) -> Rule:
    """A rule from its text. Raises UsageError."""
    place, _, rest = text.partition(":")
    effect, _, rest = rest.partition(":")
    if place not in PLACES:
        raise _wrong(text, f"{place!r} is no place; places: {', '.join(PLACES)}")
    status = int(effect) if re.fullmatch(r"[45]\d\d", effect) else 0
    if not status and effect not in _TAKES:
        raise _wrong(text, f"{effect!r} is no effect; effects: {', '.join(EFFECTS)}")
    takes = {"skip", "after", "times", *_TAKES.get(effect, ("retry-after", "message"))}
    options = _options(text, rest, takes)
    try:
        rule = Rule(
            text,
            place,
            effect,
            status,
            skip=_whole(options, "skip", 0),
            after=_amount(options, "after", _SECONDS),
            times=_whole(options, "times", 1) if "times" in options else None,
            seconds=_amount(options, "seconds", _SECONDS),
            bytes=int(_amount(options, "bytes", _BYTES)),
            retry_after=_whole(options, "retry-after", 0) if "retry-after" in options else None,
            message=options.get("message", ""),
        )
    except ValueError as error:
        raise _wrong(text, str(error)) from error
    if effect == "delay" and not rule.seconds:
        raise _wrong(text, "delay needs seconds, like create:delay:seconds=2")
    return rule


def _options(text: str, rest: str, takes: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    while rest:
        name, equals, value = rest.partition("=")
        if not equals or name not in takes:
            raise _wrong(text, f"{name!r} is no option here; options: {', '.join(sorted(takes))}")
        if name in found:
            raise _wrong(text, f"{name} is given twice")
        value, _, rest = (value, "", "") if name == "message" else value.partition(":")
        found[name] = value
    return found


def _whole(options: Mapping[str, str], name: str, low: int) -> int:
    text = options.get(name, "0")
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or (name in options and int(text) < low):
        raise ValueError(f"{name} must be a whole number from {low}, not {text!r}")
    return int(text)


def _amount(options: Mapping[str, str], name: str, units: Mapping[str, float]) -> float:
    text = options.get(name, "0")
    match = _AMOUNT.fullmatch(text)
    if match is None or match[2].lower() not in units:
        known = ", ".join(unit for unit in units if unit)
        raise ValueError(f"{name} must be a number, with one of {known} or none behind it, not {text!r}")
    return float(match[1]) * units[match[2].lower()]


def _wrong(text: str, why: str) -> UsageError:
    return UsageError(f"the fault {text!r} cannot be read: {why}", _HINT)
