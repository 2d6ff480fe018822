"""`needs-unknown`: `after` names a step that does not exist."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context, unknown

CODE = "needs-unknown"


def check(context: Context) -> list[Diagnostic]:
    """Every id in `after` must be a step."""
    steps = context.workflow.steps
    return [
        unknown(CODE, "the step", at, [id_ for id_ in steps if id_ != step.id], "`after` lists ids of `steps`")
        for step in steps.values()
        for at in step.after
        if at.value not in steps
    ]
