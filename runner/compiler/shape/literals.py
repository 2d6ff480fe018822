"""What a slip in a literal probably means: `5 min`, `2G`, `31.1.2030`, `Build Site`, `yes`, `1_000`."""

from __future__ import annotations

import re

_UNITS = {
    "millisecond": "ms",
    "second": "s",
    "sec": "s",
    "minute": "m",
    "min": "m",
    "hour": "h",
    "hr": "h",
    "day": "d",
    "week": "w",
}
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1, "ms": 0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")
_FRACTION = re.compile(r"([0-9]{1,6}\.[0-9]{1,6})\s*([A-Za-z]+)")
_CLOCK = re.compile(r"([0-9]{1,3}):([0-5][0-9])(?::([0-5][0-9]))?")
_ISO = re.compile(r"P(?:([0-9]+)D)?(?:T(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)S)?)?")
_YEAR_FIRST = re.compile(r"([0-9]{4})[-./ ]([0-9]{1,2})[-./ ]([0-9]{1,2})(?:[T ].*)?")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([-./])([0-9]{1,2})\2([0-9]{4})")
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}(?:[_, '][0-9]{3})+(?:\.[0-9]+)?|[-+]?[0-9]+(?:_[0-9]+)+")
_DURATION_UNITS = ("w", "d", "h", "m", "s", "ms")
_SIZE_UNITS = {"": "MiB", "b": "B", "k": "KiB", "m": "MiB", "g": "GiB", "t": "TiB"}
#: Words for true and false in YAML 1.1, in other formats and in speech. Only the first line are YAML's.
OLD_BOOLEANS = {"yes": "true", "y": "true", "on": "true", "no": "false", "n": "false", "off": "false"}
_BOOLEANS = {
    **OLD_BOOLEANS,
    "1": "true",
    "0": "false",
    "enabled": "true",
    "disabled": "false",
    "t": "true",
    "f": "false",
}
#: What other languages and tools call the allowed words, by key.
_SYNONYMS: dict[str, dict[str, str]] = {
    "type": {
        "str": "string",
        "text": "string",
        "int": "integer",
        "long": "integer",
        "float": "number",
        "double": "number",
        "decimal": "number",
        "bool": "boolean",
        "flag": "boolean",
        "list": "array",
        "tuple": "array",
        "dict": "object",
        "map": "object",
        "mapping": "object",
        "hash": "object",
        "none": "null",
        "nil": "null",
    },
    "language": {"javascript": "node", "js": "node", "nodejs": "node", "py": "python", "sh": "bash", "shell": "bash"},
    "do": {"stop": "cancel", "abort": "cancel", "kill": "cancel", "warn": "notify", "alert": "notify", "wait": "pause"},
    "on": {
        "error": "exit",
        "failure": "exit",
        "fail": "exit",
        "exit_code": "exit",
        "timed_out": "timeout",
        "lost": "box_gone",
    },
    "state": {
        **dict.fromkeys(("success", "ok", "completed"), "succeeded"),
        **dict.fromkeys(("done", "succeeded"), "completed"),
        **dict.fromkeys(("failure", "error"), "failed"),
    },
    "on_timeout": {"deny": "reject", "accept": "approve", "cancel": "reject", "error": "fail"},
    "backoff": {"constant": "fixed", "off": "none", "double": "exponential"},
    "scope": {"workflow": "run", "job": "step", "task": "step"},
}


def synonym(key: str, value: object, options: list[str]) -> list[str]:
    """The allowed word for one of another tool, in a list; an empty list for any other."""
    meant = _SYNONYMS.get(key, {}).get(value.lower()) if isinstance(value, str) else None
    if meant == "succeeded" and meant not in options:
        meant = "completed"  # what a run is called
    return [meant] if meant in options and meant is not None else []


def boolean(text: str) -> str:
    """`true` or `false` for a word that means it, or an empty text."""
    return _BOOLEANS.get(text.lower(), "")


def number(text: str) -> str:
    """A number without what groups its digits: `1_000`, `1,000`; or an empty text."""
    return re.sub("[_, ']", "", text) if _GROUPED.fullmatch(text) else ""


def likely(title: str, value: object) -> str:
    """What a wrong literal of that kind probably means, or an empty text."""
    text = str(value).strip()
    if "${{" in text:
        return ""
    if title in ("duration", "size"):
        text = text.removeprefix("-").removeprefix("+")
    if title in ("id", "name", "item", "id or list of ids"):
        return _likely_id(text, "-" if title == "name" else "_")
    found = _LITERALS.get(title)
    return found(text) if found is not None else ""


def _likely_duration(text: str) -> str:
    if text.isdecimal() and text.isascii():
        return f"{text}s"
    other = _clock(text) or _iso(text) or _fraction(text)
    if other:
        return other
    parts: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = _PART.match(text, at)
        unit = _unit(match[2]) if match else ""
        if match is None or not unit or "." in match[1]:
            return ""
        parts.append((match[1], unit))
        at = match.end()
    order = [_DURATION_UNITS.index(unit) for _, unit in parts]
    if not parts or len(set(order)) < len(order):
        return ""
    return "".join(number + unit for number, unit in sorted(parts, key=lambda part: _DURATION_UNITS.index(part[1])))


def _unit(word: str) -> str:
    unit = word.lower()
    return unit if unit in _DURATION_UNITS else _UNITS.get(unit.removesuffix("s"), "")


def _in_units(seconds: int) -> str:
    """Whole seconds with the largest units first."""
    out = ""
    for unit in _DURATION_UNITS[:-1]:
        count, seconds = divmod(seconds, _SECONDS[unit])
        out += f"{count}{unit}" if count else ""
    return out


def _clock(text: str) -> str:
    """`1:30` is minutes and seconds here, `1:30:00` hours too: so YAML 1.1 counts as well."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        return ""
    numbers = [int(part) for part in match.groups() if part is not None]
    return _in_units(sum(part * 60**power for power, part in enumerate(reversed(numbers))))


def _iso(text: str) -> str:
    match = _ISO.fullmatch(text.upper())
    return "".join(f"{part}{unit}" for part, unit in zip(match.groups(), "dhms", strict=True) if part) if match else ""


def _fraction(text: str) -> str:
    """`1.5h` in smaller units, if it is whole seconds."""
    match = _FRACTION.fullmatch(text)
    seconds = float(match[1]) * _SECONDS.get(_unit(match[2]), 0) if match else 0.0
    return _in_units(round(seconds)) if seconds >= 1 and abs(seconds - round(seconds)) < 1e-6 else ""


def _likely_size(text: str) -> str:
    match = _PART.fullmatch(text)
    if match is None:
        return ""
    unit = match[2].lower().removesuffix("ytes").removesuffix("yte")
    unit = unit if unit in ("", "b") else unit.removesuffix("b").removesuffix("i")
    return match[1] + _SIZE_UNITS[unit] if unit in _SIZE_UNITS else ""


def _likely_date(text: str) -> str:
    """A date in another order. `01/02/2030` is one of two days: nothing is said."""
    if match := _YEAR_FIRST.fullmatch(text):
        year, month, day = (int(part) for part in match.groups())
    elif match := _YEAR_LAST.fullmatch(text):
        day, month, year = int(match[1]), int(match[3]), int(match[4])
        if match[2] != "." and day <= 12 and month <= 12 and day != month:
            return ""
        if day <= 12 < month:
            day, month = month, day
    else:
        return ""
    return f"{year:04d}-{month:02d}-{day:02d}" if 1 <= month <= 12 and 1 <= day <= 31 else ""


def _likely_variable(text: str) -> str:
    made = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")
    return f"_{made}" if made[:1].isdecimal() else made


def _likely_id(text: str, joint: str) -> str:
    other = "_" if joint == "-" else "-"
    made = re.sub(rf"[^a-z0-9{joint}]+", joint, text.lower().replace(other, joint)).strip(joint)
    made = re.sub(r"^[0-9]+", lambda match: f"n{match.group()}", made)
    return made if len(made) <= 64 else ""


_LITERALS = {
    "duration": _likely_duration,
    "size": _likely_size,
    "date": _likely_date,
    "variable": _likely_variable,
}
