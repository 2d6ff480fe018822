"""`template-unknown`: a step uses a template that is not declared."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context, unknown

CODE = "template-unknown"


def check(context: Context) -> list[Diagnostic]:
    """The template that `use` names must be under `templates`."""
    templates = context.workflow.templates
    return [
        unknown(CODE, "the template", step.use, list(templates), "declare it under `templates`")
        for step in context.workflow.all_steps
        if step.use is not None and step.use.value not in templates
    ]
