"""`use-ineffective`: a key beside `use` that means nothing to the kind of step that the template is."""

from __future__ import annotations

from functools import cache

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.document import Mapping
from runner.compiler.rules.context import Context
from runner.compiler.shape.validator import workflow_schema
from runner.compiler.spec import StepSpec
from runner.compiler.spec.read import child, mapping

CODE = "use-ineffective"


def check(context: Context) -> list[Diagnostic]:
    """A key beside `use` must be one that the template's kind of step heeds."""
    found = []
    for step in [*context.workflow.all_steps, *context.workflow.template_steps.values()]:
        written = _written(context, step) if step.layers and step.kind else None
        for name, entry in written.entries.items() if written else ():
            if name in _refused(step.kind) - _refused("use") - {"with"}:
                whom = step.layers[0].use.value
                message = f"`{name}` has no effect: the template `{whom}` is a step of kind `{step.kind}`"
                found.append(error(CODE, message, entry.key.span, "remove it"))
    return found


def _written(context: Context, step: StepSpec) -> Mapping | None:
    """The step as it stands in the spec, without its template."""
    if step.owner_template is not None:
        return mapping(step.owner_template.body.get("step"))
    root = context.workflow.node
    own = context.workflow.steps.get(step.id) is step
    return mapping(child(root.get("steps"), step.id) if own else root.get(step.id))


@cache
def _refused(kind: str) -> frozenset[str]:
    """The keys that the schema of the language refuses beside a kind."""
    beside = workflow_schema()["$defs"]["step"]["dependentSchemas"][kind]["properties"]
    return frozenset(name for name, allowed in beside.items() if allowed is False)
