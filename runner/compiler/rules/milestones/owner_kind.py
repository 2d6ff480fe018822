"""`owner-kind`: an approval is owned by a model."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Related, warning
from runner.compiler.rules.context import Context

CODE = "owner-kind"


def check(context: Context) -> list[Diagnostic]:
    """Approvals are given by people: their owner should be one (`human: true`)."""
    workflow = context.workflow
    found = []
    for step in workflow.all_steps:
        owner = workflow.agents.get(step.owner.value) if step.owner else None
        if step.kind == "approve" and step.owner and owner is not None and not owner.human:
            message = f"the approval `{step.id}` is owned by `{owner.id}`, a model; approvals are given by people"
            related = (Related(f"`{owner.id}` is declared here", owner.span),)
            found.append(warning(CODE, message, step.owner.span, "name an agent with `human: true`", related))
    return found
