"""`type-schema`: a declared type contradicts itself, so that no value, or not the one meant, could fit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, Span, error
from runner.compiler.document import Mapping, Node
from runner.compiler.rules.context import Context
from runner.compiler.rules.types.declared import declared_types
from runner.compiler.rules.types.leaf import leaf_span
from runner.compiler.spec.read import at_text, items, key_span, plain, plain_map, text, texts
from runner.compiler.suggest import did_you_mean, existing
from runner.compiler.values import problems

CODE = "type-schema"
_RANGES = (
    ("minimum", "maximum", False),
    ("minimum", "exclusiveMaximum", True),
    ("exclusiveMinimum", "maximum", True),
    ("exclusiveMinimum", "exclusiveMaximum", True),
    ("minLength", "maxLength", False),
    ("minItems", "maxItems", False),
)
_BOUNDS = frozenset(("multipleOf", *(word for low, high, _ in _RANGES for word in (low, high))))
_OF_VALUES = ("enum", "const", "default", "title", "description")
Problem = tuple[Span, str, str]


def _number(node: Mapping, key: str) -> float | None:
    value = plain(node.get(key))
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _ranges(node: Mapping) -> Iterator[Problem]:
    bounds = {word: _number(node, word) for word in _BOUNDS & node.entries.keys()}
    for low, high, strictly in _RANGES if len(bounds) > 1 else ():
        least, most = bounds.get(low), bounds.get(high)
        if least is None or most is None:
            continue
        if least > most:
            sentence = f"`{low}` ({least}) is more than `{high}` ({most}): no value fits"
            yield key_span(node, low), sentence, "exchange them"
        elif least == most and strictly:
            sentence = f"`{low}` and `{high}` are both {most}: no value fits"
            yield key_span(node, low), sentence, "leave room between them"
        elif text(node.get("type")) == "integer" and math.ceil(least) > math.floor(most):
            sentence = f"there is no whole number from {least} to {most}: no value fits"
            yield key_span(node, low), sentence, "widen the range, or make it a `number`"
    if "multipleOf" in bounds:
        yield from _multiples(node)


def _multiples(node: Mapping) -> Iterator[Problem]:
    """Of whole numbers alone: others are not exact."""
    step, least, most = (plain(node.get(key)) for key in ("multipleOf", "minimum", "maximum"))
    if not (isinstance(step, int) and isinstance(least, int) and isinstance(most, int) and step > 0):
        return
    if least <= most and -(-least // step) > most // step:
        sentence = f"no multiple of {step} lies from {least} to {most}: no value fits"
        yield key_span(node, "multipleOf"), sentence, "widen the range"


def _values(node: Mapping) -> Iterator[Problem]:
    """Values of `enum` and `const` that the rest of the type refuses."""
    const = node.get("const")
    values = [("enum", item) for item in items(node.get("enum"))] + ([("const", const)] if const is not None else [])
    rest = {key: value for key, value in plain_map(node).items() if key not in _OF_VALUES} if values else {}
    for word, item in values if rest else ():
        for sentence in problems(rest, plain(item)):
            where = leaf_span(item, sentence)
            yield where, f"a value of `{word}` does not fit: {sentence}", "remove it, or change the type"


def _pattern(node: Mapping) -> Iterator[Problem]:
    pattern = at_text(node.get("pattern"))
    if pattern is not None:
        try:
            re.compile(pattern.value)
        except (re.error, RecursionError, OverflowError) as failed:
            yield pattern.span, f"the pattern is no regular expression: {failed}", "try it in Python's `re`"


def _keys(node: Mapping) -> Iterator[Problem]:
    properties, required = node.get("properties"), node.get("required")
    declared = list(properties.entries) if isinstance(properties, Mapping) else []
    open_ended = plain(node.get("additionalProperties")) not in (None, False)
    for at in texts(required) if declared and not open_ended else ():
        if at.value not in declared:
            hint = did_you_mean(at.value, declared) or existing(declared)
            yield at.span, f"`required` names `{at.value}`, which is not under `properties`", hint


def type_problems(node: Node | None, depth: int = 16) -> Iterator[Problem]:
    """Place, sentence and remedy of everything wrong in a type and in the types inside."""
    if not isinstance(node, Mapping) or depth == 0:
        return
    yield from _ranges(node)
    yield from _values(node)
    yield from _pattern(node)
    yield from _keys(node)
    for inner in (node.get("items"), node.get("additionalProperties")):
        yield from type_problems(inner, depth - 1)
    properties = node.get("properties")
    for entry in properties.entries.values() if isinstance(properties, Mapping) else ():
        yield from type_problems(entry.value, depth - 1)


def check(context: Context) -> list[Diagnostic]:
    """Types of inputs, parameters, outputs, answers and forms must make sense."""
    return [
        error(CODE, f"{sentence} (in {where})", span, hint)
        for where, node in declared_types(context.workflow)
        for span, sentence, hint in type_problems(node)
    ]
