"""Every type that a spec declares, with words for where it is."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.document import Mapping, Node
from runner.compiler.spec import StepSpec, Workflow
from runner.compiler.spec.read import child


def _entries(node: Node | None, what: str) -> Iterator[tuple[str, Node]]:
    for name, entry in node.entries.items() if isinstance(node, Mapping) else ():
        yield what.replace("{}", name, 1), entry.value


def _of_step(step: StepSpec) -> Iterator[tuple[str, Node]]:
    returns = step.node.get("returns")
    if returns is not None:
        yield f"`returns` of the step `{step.id}`", returns
    yield from _entries(step.node.get("outputs"), f"the output `{{}}` of the step `{step.id}`")
    yield from _entries(child(step.node.get("approve"), "form"), f"the form field `{{}}` of the step `{step.id}`")


def declared_types(workflow: Workflow) -> Iterator[tuple[str, Node]]:
    """The types of inputs, template parameters, outputs, `returns` and forms."""
    yield from _entries(workflow.node.get("inputs"), "the input `{}`")
    for template in workflow.templates.values():
        yield from _entries(template.body.get("params"), f"the parameter `{{}}` of the template `{template.id}`")
    yield from _entries(workflow.node.get("outputs"), "the output `{}` of the workflow")
    for step in workflow.every_step:
        yield from _of_step(step)


def inner_types(node: Node | None, depth: int = 16) -> Iterator[Mapping]:
    """The type and all types inside it: of items, of properties, of other properties."""
    if not isinstance(node, Mapping) or depth == 0:
        return
    yield node
    yield from inner_types(node.get("items"), depth - 1)
    yield from inner_types(node.get("additionalProperties"), depth - 1)
    properties = node.get("properties")
    for entry in properties.entries.values() if isinstance(properties, Mapping) else ():
        yield from inner_types(entry.value, depth - 1)
