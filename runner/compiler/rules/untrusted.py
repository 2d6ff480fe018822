"""Texts that somebody else decides: what agents answer, what events carry, what people type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from runner.compiler.canonical import Json
from runner.compiler.expressions.scan import Reference, references
from runner.compiler.rules.context import Context
from runner.compiler.spec.model import Workflow
from runner.compiler.spec.read import child, items, plain_map
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


#: What somebody else decides, by its path (`steps.X.outputs.Y`, `inputs.X`), with its type.
Known = Mapping[tuple[str, ...], tuple[Source, Mapping[str, Json]]]


def sources(context: Context) -> Known:
    """Every value that somebody else decides, by its path (`steps.X.outputs.Y`, `inputs.X`), with its type."""
    workflow = context.workflow
    found: dict[tuple[str, ...], tuple[Source, Mapping[str, Json]]] = {}
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
    depth = 2 if reference.path[0] == "inputs" else 4
    found = known.get(reference.path[:depth])
    if found is None:
        return None
    schema: Json = dict(found[1])
    for name in reference.path[depth:]:
        properties = schema.get("properties") if isinstance(schema, dict) else None
        schema = properties.get(name, {}) if isinstance(properties, dict) else {}
    return found[0] if free(schema) else None


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
    found = ((reference, source_of(reference, known)) for reference in references(expression))
    return [(reference, source) for reference, source in found if source is not None]
