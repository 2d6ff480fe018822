"""Matrix expansion: the product of the axes, rows left out, rows put in, and a key for each leg."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod

from runner.compiler.canonical import Json
from runner.compiler.expressions.runtime import as_text
from runner.compiler.plan.model import Leg
from runner.compiler.values import same
from runner.errors import UsageError

Row = dict[str, Json]
MOST_LEGS = 256
_MOST_ROWS = 100 * MOST_LEGS  # before `exclude`
MOST_COMPARED = 1_000_000  # rows with rows of `include` and `exclude`


def matches(row: Mapping[str, Json], pattern: Mapping[str, Json]) -> bool:
    """Every value of the pattern is in the row."""
    return all(key in row and same(row[key], value) for key, value in pattern.items())


def expand(axes: Mapping[str, Sequence[Json]], include: Sequence[Row] = (), exclude: Sequence[Row] = ()) -> list[Row]:
    """All rows in the order written. An `include` row adds its other keys to each row whose axis values it agrees with;
    if there is none, it is a row of its own. Raises UsageError for far too many rows to count.
    """
    rows: list[Row] = []
    count = prod(len(values) for values in axes.values())
    if count > _MOST_ROWS or count * (len(include) + len(exclude)) > MOST_COMPARED:
        raise UsageError(f"a matrix may have at most {MOST_LEGS} legs", "shorten an axis, or split the step")
    if axes:
        rows = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    rows = [row for row in rows if not any(matches(row, pattern) for pattern in exclude)]
    original = [dict(row) for row in rows]
    for extra in include:
        fits = [
            row
            for row, before in zip(rows, original, strict=False)
            if all(same(before[key], value) for key, value in extra.items() if key in before)
        ]
        for row in fits:
            row.update(extra)
        if not fits:
            rows.append(dict(extra))
    return rows


def leg_key(step: str, row: Mapping[str, Json]) -> str:
    """`id[name=value,…]`, names in the order written."""
    return f"{step}[" + ",".join(f"{name}={as_text(value)}" for name, value in row.items()) + "]"


def legs(step: str, rows: Sequence[Row]) -> tuple[Leg, ...]:
    """A leg for each row."""
    return tuple(Leg(leg_key(step, row), dict(row)) for row in rows)
