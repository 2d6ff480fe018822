"""`template-unknown`: a step uses a template that is not declared."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context, unknown

CODE = "template-unknown"


def check(context: Context) -> list[Diagnostic]:
    """The template that `use` names must be under `templates`, in a template too."""
    templates = context.workflow.templates
    return [
        unknown(CODE, "the template", layer.use, list(templates), "declare it under `templates`")
        for step in context.workflow.every_step
        for layer in step.layers
        if layer.use.value not in templates
    ]
