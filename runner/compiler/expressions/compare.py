"""Comparisons of values whose types are known: what can never hold, what always does, what makes no sense."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from runner.compiler.canonical import Json
from runner.compiler.expressions.types import Type, within
from runner.compiler.values import same
from runner.records import dataclass

ORDERED = ("integer", "number", "text", "boolean", "timestamp", "duration", "bytes", "uint")
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_MOST = 64  # values of an enum that are looked at one by one


@dataclass(frozen=True, slots=True)
class _Range:
    low: float
    high: float
    low_open: bool
    high_open: bool


def flipped(operator: str) -> str:
    """The operator with its sides exchanged."""
    return _FLIPPED[operator]


def opposite(operator: str) -> str:
    """The operator that holds where this one does not."""
    return _OPPOSITE[operator]


def comparable(left: Type, right: Type) -> bool:
    """Whether `==` of the two makes sense."""
    if "any" in (left.kind, right.kind) or left.kind == right.kind:
        return True
    if "null" in (left.kind, right.kind):
        return True
    numbers = ("integer", "number", "uint")
    return left.kind in numbers and right.kind in numbers


def _range(kind: Type) -> _Range | None:
    if not kind.numeric or kind.nullable:
        return None
    numbers = [value for value in kind.values or () if isinstance(value, int | float) and not isinstance(value, bool)]
    if numbers and kind.values is not None and len(numbers) == len(kind.values):
        return _Range(min(numbers), max(numbers), low_open=False, high_open=False)
    return _Range(kind.low, kind.high, kind.low_open, kind.high_open)


def _equal(left: Type, right: Type) -> bool | None:
    if "null" in (left.kind, right.kind):
        other = right if left.kind == "null" else left
        return True if other.kind == "null" else None if other.nullable or other.kind == "any" else False
    if left.values is not None and right.values is not None:
        if len(left.values) * len(right.values) > _MOST:
            return None
        if not any(same(one, other) for one in left.values for other in right.values):
            return False
        single = len(left.values) == len(right.values) == 1 and not (left.nullable or right.nullable)
        return True if single else None
    first, second = _range(replace(left, nullable=False)), _range(replace(right, nullable=False))
    if first is None or second is None:
        return None
    apart = _below(first, second) or _below(second, first)
    return False if apart else None


def _below(left: _Range, right: _Range) -> bool:
    """Every value of the left is less than every one of the right."""
    return left.high < right.low or (left.high == right.low and (left.high_open or right.low_open))


def _not_above(left: _Range, right: _Range) -> bool:
    """Every value of the left is at most every one of the right."""
    return left.high <= right.low


def holds(operator: str, left: Type, right: Type) -> bool | None:
    """Whether the comparison is always true or always false; None when that depends on the values."""
    if operator in ("==", "!="):
        found = _equal(left, right)
        return found if operator == "==" or found is None else not found
    first, second = _range(left), _range(right)
    if first is None or second is None:
        return None
    if operator in (">", ">="):
        first, second = second, first
    if operator in ("<", ">"):
        return True if _below(first, second) else False if _not_above(second, first) else None
    return True if _not_above(first, second) else False if _below(second, first) else None


def allows(kind: Type, value: Json) -> bool:
    """Whether a value of that type may be this one."""
    if value is None:
        return kind.nullable or kind.kind in ("any", "null")
    if kind.values is not None:
        return any(same(value, one) for one in kind.values)
    if kind.numeric and isinstance(value, int | float):
        return within(kind, value)
    return True


def narrowed(kind: Type, operator: str, other: Type) -> Type:
    """What is left of a type where `it operator other` holds."""
    if operator == "==":
        return _equal_to(kind, other)
    if operator == "!=":
        if other.kind == "null":
            return replace(kind, nullable=False, values=_without(kind, (None,)))
        single = other.values is not None and len(other.values) == 1
        return replace(kind, values=_without(kind, other.values or ())) if single else kind
    limit = _range(other)
    if limit is None or not kind.numeric or kind.values is not None:
        return kind
    low, high, low_open, high_open = kind.low, kind.high, kind.low_open, kind.high_open
    if operator in (">", ">=") and limit.low > -inf and limit.low >= low:
        low_open = operator == ">" or limit.low_open or (limit.low == low and low_open)
        low = limit.low
    if operator in ("<", "<=") and limit.high < inf and limit.high <= high:
        high_open = operator == "<" or limit.high_open or (limit.high == high and high_open)
        high = limit.high
    return replace(kind, low=low, high=high, low_open=low_open, high_open=high_open)


def _equal_to(kind: Type, other: Type) -> Type:
    if other.values is None or other.nullable:
        return kind
    kept = [value for value in other.values if allows(kind, value)]
    return replace(kind, values=tuple(kept), nullable=False) if kept else kind


def _without(kind: Type, gone: tuple[Json, ...]) -> tuple[Json, ...] | None:
    if kind.values is None:
        return None
    return tuple(value for value in kind.values if not any(same(value, one) for one in gone))
