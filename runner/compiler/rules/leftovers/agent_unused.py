"""`agent-unused`: an agent who does nothing and answers for nothing."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context
from runner.compiler.rules.leftovers.unused import unused
from runner.compiler.spec.read import child, items, text

CODE = "agent-unused"


def check(context: Context) -> list[Diagnostic]:
    """Every agent should do a step or own a step, a milestone or a risk."""
    workflow = context.workflow
    named = [at for step in workflow.all_steps for at in (step.agent, step.owner)]
    named += [milestone.owner for milestone in workflow.milestones]
    used = {at.value for at in named if at is not None}
    used |= {text(child(risk, "owner")) for risk in items(workflow.node.get("risks"))}
    return unused(CODE, "agent", [(one.id, one.span) for one in workflow.agents.values()], used)
