"""`needs-self`: a step waits for itself."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.document.lists import removal
from runner.compiler.rules.context import Context

CODE = "needs-self"


def check(context: Context) -> list[Diagnostic]:
    """No step may name itself in `after`."""
    return [
        error(
            CODE,
            f"the step `{step.id}` waits for itself, so it could never start",
            at.span,
            "remove it from `after`",
            fix=removal(step.node.get("after"), number, "remove it"),
        )
        for step in context.workflow.steps.values()
        for number, at in enumerate(step.after)
        if at.value == step.id
    ]
