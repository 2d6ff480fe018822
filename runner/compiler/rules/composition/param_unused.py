"""`param-unused`: a parameter that its template does not use."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, warning
from runner.compiler.expressions.scan import references
from runner.compiler.expressions.uses import found_in, step_uses, until_uses
from runner.compiler.rules.composition.params import declared_nodes
from runner.compiler.rules.context import Context
from runner.compiler.spec import StepSpec

CODE = "param-unused"


def check(context: Context) -> list[Diagnostic]:
    """A parameter should be used by the step of its template, else whoever gives it waits in vain for an effect."""
    found = []
    for template in context.workflow.templates.values():
        params = declared_nodes(template)
        step = context.workflow.template_steps.get(template.id)
        used = _named(step) if step is not None else set(params)
        if not used <= params.keys() | _outer(step):
            continue  # a name that is not there: an unused one may be meant
        for name, one in params.items():
            if name not in used:
                message = f"the parameter `{name}` is declared and never used by the template `{template.id}`"
                found.append(warning(CODE, message, one.key.span, "use it, or remove it"))
    return found


def _outer(step: StepSpec | None) -> set[str]:
    """The parameters of the templates that a template's own step uses."""
    layers = step.layers if step else ()
    return {name for layer in layers if layer.template for name in declared_nodes(layer.template)}


def _named(step: StepSpec) -> set[str]:
    uses = [*step_uses(step), *until_uses(step)]
    every = (reference.path for use in uses for one in found_in(use) for reference in references(one.text))
    return {path[1] for path in every if path[0] == "params" and len(path) > 1}
