"""`agent-unknown`: a step is given to an agent that is not declared."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context, unknown

CODE = "agent-unknown"


def check(context: Context) -> list[Diagnostic]:
    """The `agent` of a step must be under `agents`."""
    agents = context.workflow.agents
    return [
        unknown(CODE, "the agent", step.agent, list(agents), "declare it under `agents`")
        for step in context.workflow.all_steps
        if step.agent is not None and step.agent.value not in agents
    ]
