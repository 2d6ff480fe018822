"""`needs-unknown`: `after` names a step that does not exist."""

from __future__ import annotations

from collections.abc import Iterable

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context, unknown

CODE = "needs-unknown"


def _others(id_: str, steps: Iterable[str]) -> list[str]:
    """What may be meant: not the step itself, unless it is the only one."""
    return [other for other in steps if other != id_] or [id_]


def check(context: Context) -> list[Diagnostic]:
    """Every id in `after` must be a step."""
    steps = context.workflow.steps
    return [
        unknown(CODE, "the step", at, _others(step.id, steps), "`after` lists ids of `steps`")
        for step in steps.values()
        for at in step.after
        if at.value not in steps
    ]
