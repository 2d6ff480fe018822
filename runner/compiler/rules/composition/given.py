"""Do values given with `with` (or to a run that starts by itself) fit the types they are given for?

A value without expressions is judged by the type itself; one with an expression by what the expression can give.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf

from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Span
from runner.compiler.document import Mapping as MappingNode
from runner.compiler.document import Node, Scalar, Sequence
from runner.compiler.expressions.scan import OPEN, pieces, references
from runner.compiler.expressions.types import ANY, Type, bounds_text, from_schema, schema_of
from runner.compiler.rules.context import Context
from runner.compiler.spec import StepSpec
from runner.compiler.spec.read import plain
from runner.compiler.spec.refer import referred, referred_output
from runner.compiler.suggest import listed
from runner.compiler.values import declared_types, problems, shown, type_name

Schema = Mapping[str, Json]
Misfit = tuple[Span, str]


def misfits(context: Context, schema: Schema, node: Node, step: StepSpec | None = None) -> Iterator[Misfit]:
    """Place and sentence of what does not fit. `step` is the one that gives the value."""
    if not _templated(node):
        for sentence in problems(schema, plain(node)):
            yield node.span, sentence
    elif isinstance(node, Scalar) and step is not None and step.kind == "workflow" and _has_files(context, node):
        yield node.span, "it is a folder of files, and the boxes of that run do not have them"
    elif isinstance(node, Scalar):
        source = _source(context, node, step)
        sentence = clash(source, schema) if source is not None else ""
        if sentence:
            yield node.span, sentence
    else:
        yield from _inside(context, schema, node, step)


def _has_files(context: Context, node: Scalar) -> bool:
    """Whether an artifact is named there, as such or in a longer text."""
    names = (part.text.strip() for part in pieces(str(node.value)) if part.is_expression)
    outputs = (referred_output(context.workflow, tuple(name.split("."))) for name in names)
    return any(found is not None and found[1].artifact is not None for found in outputs)


def doubts(context: Context, schema: Schema, node: Node, step: StepSpec) -> Iterator[Misfit]:
    """Place and sentence of an expression that can give values that fit, and others that do not."""
    source = _source(context, node, step) if isinstance(node, Scalar) and _templated(node) else None
    values = _values(source or {}) or []
    wrong = [value for value in values if any(True for _ in problems(schema, value))]
    if wrong and len(wrong) < len(values):
        yield node.span, f"it may be {', '.join(map(shown, wrong))}: {next(problems(schema, wrong[0]))}"
    elif not values and source is not None and (sentence := _wider(from_schema(source), from_schema(schema))):
        yield node.span, sentence


def _wider(have: Type, want: Type) -> str:
    """Which numbers may come that are not wanted; those without bounds are not suspected."""
    if have.kind == "number" and want.kind == "integer":
        return "it may be a number that is not whole"
    below = want.low > have.low > -inf
    above = want.high < have.high < inf
    if not (have.numeric and want.numeric and (below or above)):
        return ""
    return f"it is {bounds_text(have)}, and must be {bounds_text(want)}"


def _inside(context: Context, schema: Schema, node: Node, step: StepSpec | None) -> Iterator[Misfit]:
    kind = "array" if isinstance(node, Sequence) else "object"
    types = _types(schema)
    if types and kind not in types:
        yield node.span, f"it is of type {kind}, not {listed(types)}"
        return
    items, properties = schema.get("items"), schema.get("properties")
    if isinstance(node, Sequence) and isinstance(items, dict):
        for item in node.items:
            yield from misfits(context, items, item, step)
    if isinstance(node, MappingNode) and isinstance(properties, dict):
        for name, entry in node.entries.items():
            inner = properties.get(name)
            yield from misfits(context, inner, entry.value, step) if isinstance(inner, dict) else ()


def _templated(node: Node) -> bool:
    if isinstance(node, Scalar):
        return isinstance(node.value, str) and OPEN in node.value
    if isinstance(node, Sequence):
        return any(map(_templated, node.items))
    return any(_templated(entry.value) for entry in node.entries.values())


def _source(context: Context, node: Scalar, step: StepSpec | None) -> Schema | None:
    """The type of what a text with expressions gives, None where it is open."""
    parts = pieces(str(node.value))
    if len(parts) != 1:
        return {"type": "string"}
    named = references(parts[0].text)
    if len(named) == 1 and str(named[0]) == parts[0].text.strip():
        declared = referred(context.workflow, named[0].path, step)
        if declared is not None:
            return declared
    verdicts = context.verdicts.get(id(node), [])
    kind = verdicts[0].verdict.shape if verdicts and verdicts[0].verdict.sound else ANY
    return schema_of(kind) or None


def _values(schema: Schema) -> list[Json] | None:
    allowed = schema.get("enum")
    if "const" in schema:
        return [schema["const"]]
    return allowed if isinstance(allowed, list) else None


def _types(schema: Schema) -> list[str]:
    values = _values(schema)
    return declared_types(schema) or list(dict.fromkeys(type_name(value) for value in values or ()))


def _agree(source: str, target: str) -> bool:
    """Whether some value of one type is one of the other: a number may be whole."""
    return source == target or {source, target} == {"integer", "number"}


def clash(source: Schema, target: Schema) -> str:
    """Why no value of the type `source` fits the type `target`, a sentence; "" where one may."""
    have, want = _types(source), _types(target)
    if have and want and not any(_agree(one, other) for one in have for other in want):
        return f"it is of type {listed(have)}, not {listed(want)}"
    values = _values(source)
    if values and all(any(True for _ in problems(target, value)) for value in values):
        rest = _values(target)
        what = f"one of {', '.join(shown(value) for value in rest)}" if rest else "what is wanted"
        return f"it is {', '.join(shown(value) for value in values)}, never {what}"
    items, wanted = source.get("items"), target.get("items")
    if isinstance(items, dict) and isinstance(wanted, dict):
        inside = clash(items, wanted)
        return f"an item does not fit: {inside}" if inside else ""
    return _clash_of_maps(source, target)


def _clash_of_maps(source: Schema, target: Schema) -> str:
    have, want = source.get("properties"), target.get("properties")
    have, want = have if isinstance(have, dict) else {}, want if isinstance(want, dict) else {}
    required = target.get("required")
    for name in required if have and isinstance(required, list) else ():
        if name not in have and source.get("additionalProperties", False) is False:
            return f"it has no key `{name}`"
    for name, inner in have.items():
        other = want.get(name)
        inside = clash(inner, other) if isinstance(inner, dict) and isinstance(other, dict) else ""
        if inside:
            return f"its `{name}` does not fit: {inside}"
    return ""
