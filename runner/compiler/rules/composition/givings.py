"""Who is given values with `with`: the templates and the other workflows that steps use, and what they declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Span
from runner.compiler.document import Mapping as MappingNode
from runner.compiler.family import Child
from runner.compiler.plan.parts import declared_params
from runner.compiler.rules.context import Context
from runner.compiler.spec import StepSpec
from runner.compiler.spec.read import mapping, text
from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class Giving:
    """The values that a step gives, the `noun` they are, to whom, and the types declared there."""

    step: StepSpec
    given: MappingNode | None
    at: Span
    noun: str
    whom: str
    declared: Mapping[str, Mapping[str, Json]]


def givings(context: Context) -> Iterator[Giving]:
    """Every `with` of a step whose other side is known."""
    for step in context.workflow.every_step:
        for layer in step.layers:
            if layer.template is not None:
                whom = f"the template `{layer.use.value}`"
                yield Giving(step, layer.given, layer.use.span, "parameter", whom, declared_params(layer))
        if step.kind == "workflow" and step.action is not None:
            name = text(step.action)
            child = context.family.child(context.document, name)
            if isinstance(child, Child) and child.trouble is None:
                inputs = {one.id: one.plain for one in context.family.workflow(child.document).inputs.values()}
                whom = f"the workflow `{name}`"
                yield Giving(step, mapping(step.node.get("with")), step.action.span, "input", whom, inputs)
