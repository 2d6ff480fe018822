"""`template-unused`: a template that no step uses."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context
from runner.compiler.rules.leftovers.unused import unused

CODE = "template-unused"


def check(context: Context) -> list[Diagnostic]:
    """A template should be used by a step, or by another template."""
    workflow = context.workflow
    steps = [*workflow.all_steps, *workflow.template_steps.values()]
    used = {layer.use.value for step in steps for layer in step.layers}
    return unused(CODE, "template", ((one.id, one.span) for one in workflow.templates.values()), used)
