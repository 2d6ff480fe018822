"""`default-unused`: a default that is never filled in."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, warning
from runner.compiler.document import Mapping
from runner.compiler.rules.context import Context
from runner.compiler.rules.types.declared import declared_types, inner_types
from runner.compiler.spec.read import key_span, texts

CODE = "default-unused"


def _required(node: Mapping) -> Iterator[tuple[str, Mapping]]:
    """The properties that must be given, though they have a default."""
    properties = node.get("properties")
    if isinstance(properties, Mapping):
        for at in texts(node.get("required")):
            inner = properties.get(at.value)
            if isinstance(inner, Mapping) and "default" in inner.entries:
                yield at.value, inner


def _of_outputs(context: Context) -> Iterator[Diagnostic]:
    """A step that does not write a declared output fails: no default stands in for it."""
    for step in context.workflow.all_steps:
        written = step.node.get("outputs")
        for name, entry in written.entries.items() if isinstance(written, Mapping) else ():
            body = entry.value
            if isinstance(body, Mapping) and "default" in body.entries and "artifact" not in body.entries:
                message = f"the default of the output `{name}` is never used: a step writes all of its outputs"
                hint = "remove it, and write the value in the step"
                yield warning(CODE, f"{message} (in the step `{step.id}`)", key_span(body, "default"), hint)


def check(context: Context) -> list[Diagnostic]:
    """What must be given needs no default, and an output is always written: one of the two is not meant."""
    found = [
        warning(
            CODE,
            f"`{name}` has a default and is `required` all the same, so the default is never used (in {where})",
            key_span(inner, "default"),
            "remove the default, or the name from `required`",
        )
        for where, declared in declared_types(context.workflow)
        for node in inner_types(declared)
        if "required" in node.entries
        for name, inner in _required(node)
    ]
    return [*found, *_of_outputs(context)]
