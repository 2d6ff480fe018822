"""`type-schema`: a declared type contradicts itself, so that no value, or not the one meant, could fit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, Span, error
from runner.compiler.document import Mapping, Node
from runner.compiler.rules.context import Context
from runner.compiler.spec.read import at_text, key_span, plain, plain_map, text, texts
from runner.compiler.suggest import did_you_mean, existing
from runner.compiler.values import problems

CODE = "type-schema"
_RANGES = (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"))
Problem = tuple[Span, str, str]


def _ranges(node: Mapping) -> Iterator[Problem]:
    for low, high in _RANGES:
        values = plain(node.get(low)), plain(node.get(high))
        if isinstance(values[0], int | float) and isinstance(values[1], int | float) and values[0] > values[1]:
            sentence = f"`{low}` ({values[0]}) is more than `{high}` ({values[1]}): no value fits"
            yield key_span(node, low), sentence, "exchange them"


def _words(node: Mapping) -> Iterator[Problem]:
    kind = text(node.get("type"))
    schema = plain_map(node)
    allowed = schema.get("enum")
    if kind and isinstance(allowed, list):
        for value in allowed:
            for sentence in problems({"type": kind}, value):
                yield (
                    key_span(node, "enum"),
                    f"a value of `enum` does not fit: {sentence}",
                    "remove it, or change the type",
                )
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
    yield from _words(node)
    yield from _keys(node)
    yield from type_problems(node.get("items"), depth - 1)
    properties = node.get("properties")
    for entry in properties.entries.values() if isinstance(properties, Mapping) else ():
        yield from type_problems(entry.value, depth - 1)


def check(context: Context) -> list[Diagnostic]:
    """Types of inputs, outputs and answers must make sense."""
    found = []
    for declared in context.workflow.inputs.values():
        found += [(f"the input `{declared.id}`", one) for one in type_problems(declared.body)]
    for step in context.workflow.all_steps:
        returns = step.node.get("returns")
        found += [(f"`returns` of the step `{step.id}`", one) for one in type_problems(returns)]
        written = step.node.get("outputs")
        for name, entry in written.entries.items() if isinstance(written, Mapping) else ():
            found += [(f"the output `{name}` of the step `{step.id}`", one) for one in type_problems(entry.value)]
    return [error(CODE, f"{sentence} (in {where})", span, hint) for where, (span, sentence, hint) in found]
