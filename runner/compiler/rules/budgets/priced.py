"""The price of one run of the spec under examination, with the default inputs."""

from __future__ import annotations

from runner.compiler.document import Document
from runner.compiler.family import Child
from runner.compiler.inputs import defaults, inputs_schema
from runner.compiler.plan.amounts import Price
from runner.compiler.plan.price import price
from runner.compiler.plan.relatives import Find, Relative
from runner.compiler.rules.context import Context
from runner.compiler.spec import StepSpec
from runner.compiler.spec.read import text


def price_of(context: Context) -> Price:
    """The price of a run. Workflows that steps run are priced where they can be read and have no errors."""
    workflow = context.workflow
    find = _finder(context, context.document)
    return price(workflow, defaults(inputs_schema(workflow)), find, context.edges)


def _finder(context: Context, document: Document) -> Find:
    def find(step: StepSpec) -> Relative | None:
        child = context.family.child(document, text(step.action))
        if not isinstance(child, Child) or child.trouble is not None:
            return None
        return Relative(context.family.workflow(child.document), _finder(context, child.document))

    return find
