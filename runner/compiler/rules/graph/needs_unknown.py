"""`needs-unknown`: `after` names a step that does not exist."""

from __future__ import annotations

from collections.abc import Iterable

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context, bounded, unknown
from runner.compiler.spec import Workflow

CODE = "needs-unknown"
_HOOKS = ("on_failure", "finally")


def _others(id_: str, steps: Iterable[str]) -> list[str]:
    """What may be meant: not the step itself, unless it is the only one."""
    return [other for other in steps if other != id_] or [id_]


def _how(workflow: Workflow, name: str) -> str:
    """What to do, by what else has that name."""
    if name in _HOOKS:
        return f"`{name}` runs by itself when the steps have ended; nothing can wait for it"
    groups = {
        "phase": [step.id for step in workflow.steps.values() if step.phase and step.phase.value == name],
        "milestone": [at.value for one in workflow.milestones if one.id.value == name for at in one.needs],
    }
    known = {"phase": name in workflow.phases, "milestone": any(one.id.value == name for one in workflow.milestones)}
    for what, steps in groups.items():
        if known[what]:
            listed = f": [{', '.join(steps)}]" if 0 < len(steps) <= 12 else ""
            return f"`{name}` is a {what}; write the ids of its steps{listed}"
    return "`after` lists ids of `steps`"


def check(context: Context) -> list[Diagnostic]:
    """Every id in `after` must be a step."""
    workflow = context.workflow
    return bounded(
        unknown(CODE, "the step", at, _others(step.id, workflow.steps), _how(workflow, at.value))
        for step in workflow.steps.values()
        for at in step.after
        if at.value not in workflow.steps
    )
