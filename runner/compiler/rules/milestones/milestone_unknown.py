"""`milestone-unknown`: a milestone needs a step that does not exist."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context, bounded, unknown

CODE = "milestone-unknown"


def check(context: Context) -> list[Diagnostic]:
    """Every id in the `needs` of a milestone must be a step."""
    steps = context.workflow.steps
    return bounded(
        unknown(CODE, "the step", at, list(steps), "`needs` lists ids of `steps`")
        for milestone in context.workflow.milestones
        for at in milestone.needs
        if at.value not in steps
    )
