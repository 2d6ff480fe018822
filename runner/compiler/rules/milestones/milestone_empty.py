"""`milestone-empty`: a milestone that needs no step and accepts nothing."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, warning
from runner.compiler.rules.context import Context

CODE = "milestone-empty"


def check(context: Context) -> list[Diagnostic]:
    """A milestone is a set of steps, or a check that must hold: without both it is reached from the start."""
    return [
        warning(
            CODE,
            f"the milestone `{milestone.id.value}` needs no step and checks nothing: it is reached from the start",
            milestone.id.span,
            "add `needs: [STEP]`, or `accept`",
        )
        for milestone in context.workflow.milestones
        if milestone.id.value and not milestone.needs and not milestone.accept
    ]
