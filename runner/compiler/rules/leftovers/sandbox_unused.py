"""`sandbox-unused`: a sandbox in which nothing runs."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.plan.workload import sandbox_of
from runner.compiler.rules.context import Context
from runner.compiler.rules.leftovers.unused import unused

CODE = "sandbox-unused"


def check(context: Context) -> list[Diagnostic]:
    """Every sandbox should be the place of a step, by name or through its agent."""
    workflow = context.workflow
    used = {name for step in workflow.all_steps if (name := sandbox_of(workflow, step)) is not None}
    used |= {agent.sandbox.value for agent in workflow.agents.values() if agent.sandbox}
    return unused(CODE, "sandbox", [(one.id, one.span) for one in workflow.sandboxes.values()], used)
