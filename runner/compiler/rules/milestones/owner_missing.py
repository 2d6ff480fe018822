"""`owner-missing`: a step that nobody owns, among steps that have owners."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, warning
from runner.compiler.rules.context import Context
from runner.compiler.spec import StepSpec
from runner.compiler.suggest import listed

CODE = "owner-missing"
_MOST = 12  # owners that a hint lists


def _owned(step: StepSpec) -> bool:
    """Somebody answers for it: its owner, or the agent that does it. Nothing is known of a template that is missing."""
    return step.owner is not None or step.agent is not None or not step.kind


def check(context: Context) -> list[Diagnostic]:
    """Where most steps have an `owner` all of them should: else nobody answers for the rest."""
    steps = context.workflow.steps.values()
    owners = [step.owner.value for step in steps if step.owner is not None]
    if not owners or 2 * len(owners) < len(steps):
        return []
    kinds = {step.kind for step in steps if step.owner is not None}
    # Where people own what they are asked alone, machines do the rest.
    unowned = [step for step in steps if not _owned(step) and (kinds != {"approve"} or step.kind == "approve")]
    known = [id_ for id_ in context.workflow.agents if id_ in owners]
    hint = f"add `owner`: {listed(known)}" if 0 < len(known) <= _MOST else "add `owner`, one of `agents`"
    return [
        warning(CODE, f"nobody owns the step `{step.id}`, others have an owner", step.span, hint) for step in unowned
    ]
