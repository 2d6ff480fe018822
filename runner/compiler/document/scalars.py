"""Plain scalars by the core schema of YAML 1.2 (YAML 1.2.2, section 10.3.2).

So `on`, `yes`, `no` and `off` are texts and `012` is twelve, other than in YAML 1.1.
"""

from __future__ import annotations

import json
import re

from runner.records import dataclass

_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_UNUSABLE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_PLAIN = re.compile(r"[\w./][\w./+-]*(?: [\w./+-]+)*")
_DIGITS = 19  # decimal digits of the largest 64-bit integer
_RANGE = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Unusable:
    """A number that JSON or 64 bits cannot hold; `reason` completes the sentence `N is …`."""

    reason: str


def resolve(text: str) -> bool | int | float | str | Unusable | None:
    """Return the value of a plain scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "0123456789+-.":
        return text
    if _INTEGER.fullmatch(text):
        return _integer(text, 10)
    if _OCTAL.fullmatch(text):
        return _integer(text[2:], 8)
    if _HEXADECIMAL.fullmatch(text):
        return _integer(text[2:], 16)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return Unusable("too large for a number") if number in (float("inf"), float("-inf")) else number
    if _UNUSABLE.fullmatch(text):
        return Unusable("no number that JSON can hold")
    return text


def spelled(text: str) -> str:
    """The scalar that is this text: in quotes where it might be something else without."""
    is_plain = _PLAIN.fullmatch(text) and isinstance(resolve(text), str)
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def _integer(digits: str, base: int) -> int | Unusable:
    if len(digits.lstrip("+-0")) > (_DIGITS if base == 10 else 22) or (number := int(digits, base)) not in _RANGE:
        return Unusable("too large: whole numbers have 64 bits here")
    return number


def kind_of(value: object) -> str:
    """What a scalar that is no text is called in messages."""
    if value is None:
        return "nothing (null)"
    return "a boolean" if isinstance(value, bool) else "a number"
