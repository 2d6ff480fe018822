"""Texts that somebody else decides: what agents answer, what events carry, what people type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as Map
from typing import Literal

from runner.compiler.canonical import Json
from runner.compiler.document import Mapping, Node, Scalar
from runner.compiler.expressions.scan import OPEN, ROOTS, Reference, masked, pieces, references
from runner.compiler.rules.context import Context
from runner.compiler.spec.model import StepSpec, Workflow
from runner.compiler.spec.read import child, items, plain_map, text
from runner.records import dataclass

Who = Literal["agent", "event", "person", "starter"]
_TEXTS = ("string", "array", "object")
_OPEN_KEYS = ("enum", "const", "pattern", "format")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a text comes from: who decides it, the step that gives it ("" for an input), and a phrase for people."""

    who: Who
    step: str
    words: str


SchemaOf = Map[str, Json]
#: What somebody else decides, by its path (`steps.X.outputs.Y`, `inputs.X`), with its type.
Known = dict[tuple[str, ...], tuple[Source, SchemaOf]]


def sources(context: Context) -> Known:
    """Every value that somebody else decides, by its path (`steps.X.outputs.Y`, `inputs.X`), with its type."""
    workflow = context.workflow
    found: dict[tuple[str, ...], tuple[Source, SchemaOf]] = {}
    from_events = _from_events(workflow)
    for name, declared in workflow.inputs.items():
        who: Who = "event" if name in from_events else "starter"
        words = "an event from outside gives it" if who == "event" else "whoever starts a run decides it"
        found["inputs", name] = (Source(who, "", words), declared.plain)
    for step in workflow.steps.values():
        if step.kind not in ("agent", "approve"):
            continue
        by = step.agent.value if step.agent else ""
        words = f"the agent `{by}` wrote it" if step.kind == "agent" else "a person typed it"
        source = Source("agent" if step.kind == "agent" else "person", step.id, words)
        for output in step.outputs.values():
            found["steps", step.id, "outputs", output.name] = (source, output.schema or {})
    return found


def sources_in(step: StepSpec, known: Known) -> Known:
    """The same for the expressions of a step: with its items, its axes, and the parameters of its templates."""
    found = dict(known)
    for_each = step.node.get("for_each")
    name = text(child(for_each, "as")) or "item"
    lists: list[tuple[tuple[str, ...], Node | None]] = [
        ((name,), child(for_each, "items") if isinstance(for_each, Mapping) else for_each)
    ]
    if step.matrix is not None:
        lists += [(("matrix", axis), node) for axis, node in step.matrix.axes.items() if isinstance(node, Scalar)]
    for path, node in lists:
        _follow(found, path, node, {}, item=True)
    for layer in step.layers:
        params = plain_map(layer.template.body.get("params")) if layer.template else {}
        for param, entry in layer.given.entries.items() if layer.given is not None else ():
            declared = params.get(param)
            _follow(found, ("params", param), entry.value, declared if isinstance(declared, dict) else {})
    return found


def _follow(
    found: dict[tuple[str, ...], tuple[Source, SchemaOf]],
    path: tuple[str, ...],
    node: Node | None,
    schema: SchemaOf,
    *,
    item: bool = False,
) -> None:
    """What has its text from a value that somebody else decides is decided by them too."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or OPEN not in node.value:
        return
    for piece in pieces(node.value):
        for reference, source in texts_in(piece.text, found) if piece.is_expression else ():
            inner = _schema(reference, found).get("items") if item else schema
            found[path] = (source, inner if isinstance(inner, dict) else {})
            return


def _from_events(workflow: Workflow) -> set[str]:
    """The inputs that a trigger fills from its event."""
    return {
        name
        for trigger in items(workflow.node.get("triggers"))
        for name, value in plain_map(child(trigger, "inputs")).items()
        if "event" in str(value)
    }


def source_of(reference: Reference, known: Known) -> Source | None:
    """Who decides the text that a reference gives; None where it is no text, or one of a few that are declared."""
    found = known.get(reference.path[: _depth(reference)])
    return found[0] if found is not None and free(_schema(reference, known)) else None


def _depth(reference: Reference) -> int:
    """How many words of a path name a value; those behind are its properties."""
    return {"steps": 4, "inputs": 2, "matrix": 2, "params": 2}.get(reference.path[0], 1)


def _schema(reference: Reference, known: Known) -> dict[str, Json]:
    """The declared type of what a reference names."""
    depth = _depth(reference)
    schema: Json = dict(known[reference.path[:depth]][1])
    for name in reference.path[depth:]:
        properties = schema.get("properties") if isinstance(schema, dict) else None
        schema = properties.get(name, {}) if isinstance(properties, dict) else {}
    return schema if isinstance(schema, dict) else {}


def free(schema: Json) -> bool:
    """Whether any text may be in a value of this type: no number, no word of a list, nothing that a pattern holds."""
    if not isinstance(schema, dict):
        return True
    kind = schema.get("type")
    if any(key in schema for key in _OPEN_KEYS) or (isinstance(kind, str) and kind not in _TEXTS):
        return False
    inner = schema.get("items") if kind == "array" else None
    return inner is None or free(inner)


def texts_in(expression: str, known: Known) -> list[tuple[Reference, Source]]:
    """The references of an expression whose text somebody else decides."""
    found = ((reference, source_of(reference, known)) for reference in _references(expression, known))
    return [(reference, source) for reference, source in found if source is not None]


def _references(expression: str, known: Known) -> Iterator[Reference]:
    """The dotted names of an expression, with those that begin with the step's name for its item."""
    yield from references(expression)
    for path in reversed(known):  # what is a step's own comes last
        if path[0] in ("inputs", "steps"):
            return
        if len(path) == 1 and path[0] not in ROOTS:
            for match in re.finditer(rf"(?<![\w.]){path[0]}(?:\.\w+)*(?![\w(])", masked(expression)):
                yield Reference(tuple(match[0].split(".")), match.start(), match.end())
