"""`agent-unknown`: a step is given to an agent that is not declared."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context, bounded, unknown
from runner.compiler.rules.names.mentions import mentions

CODE = "agent-unknown"


def check(context: Context) -> list[Diagnostic]:
    """The `agent` of a step must be under `agents`."""
    agents = context.workflow.agents
    return bounded(
        unknown(CODE, "the agent", at, list(agents), "declare it under `agents`")
        for at in mentions(context.workflow, "agent")
        if at.value not in agents
    )
