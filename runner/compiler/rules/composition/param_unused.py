"""`param-unused`: a parameter that its template does not use."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.expressions.scan import references
from runner.compiler.expressions.uses import found_in, step_uses, until_uses
from runner.compiler.rules.composition.params import declared_nodes
from runner.compiler.rules.context import Context
from runner.compiler.rules.leftovers.unused import unused
from runner.compiler.spec import StepSpec

CODE = "param-unused"


def check(context: Context) -> list[Diagnostic]:
    """A parameter should be used by the step of its template, else whoever gives it waits in vain for an effect."""
    found = []
    for template in context.workflow.templates.values():
        params = declared_nodes(template)
        step = context.workflow.template_steps.get(template.id)
        if params and step is not None:
            what = f"parameter of the template `{template.id}`"
            found += unused(CODE, what, ((name, one.key.span) for name, one in params.items()), _named(step))
    return found


def _named(step: StepSpec) -> set[str]:
    uses = [*step_uses(step), *until_uses(step)]
    every = (reference.path for use in uses for one in found_in(use) for reference in references(one.text))
    return {path[1] for path in every if path[0] == "params" and len(path) > 1}
