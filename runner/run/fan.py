"""Fan-out: the items that a step runs for, one leg for each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from runner.compiler.canonical import Json
from runner.compiler.expressions.scan import masked
from runner.compiler.plan.model import ForEach
from runner.errors import ItemsWrong
from runner.run.values import filled

#: As many legs as a matrix may have.
MOST_ITEMS = 256


def items(each: ForEach, variables: Mapping[str, Json]) -> list[Json]:
    """The items. Raises ExpressionFailed, and ItemsWrong when they are no list or too many."""
    found = filled(each.items, variables)
    shown = each.items if isinstance(each.items, str) else "its items"
    if not isinstance(found, list):
        raise ItemsWrong(
            f"for_each: {shown} is {_KINDS[type(found)]}, expected a list",
            "Name a list: an output of the type array, an input, or [first, second].",
        )
    if len(found) > MOST_ITEMS:
        raise ItemsWrong(
            f"for_each: {shown} has {len(found):,} items, allowed are {MOST_ITEMS}",
            "Hand on fewer items, each of which names a batch of work.",
        )
    return found


_KINDS: Mapping[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    dict: "an object",
    type(None): "null",
}


def asks_each(condition: str, each: ForEach, params: Iterable[Mapping[str, Json]]) -> bool:
    """Whether the condition of a `for_each` step names the item, itself or by a parameter: then it is asked for each
    item, otherwise once, before the list is looked at.
    """
    by_params = _names(condition, "params") and any(_names(_texts(dict(layer)), each.variable) for layer in params)
    return _names(condition, each.variable) or by_params


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", masked(text)) is not None


def _texts(value: Json) -> str:
    """All the texts in a value."""
    if isinstance(value, dict):
        return "\n".join(_texts(inner) for inner in value.values())
    if isinstance(value, list):
        return "\n".join(_texts(inner) for inner in value)
    return value if isinstance(value, str) else ""
