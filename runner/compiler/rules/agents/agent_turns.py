"""`agent-turns`: nothing limits how often an agent may call its model."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, warning
from runner.compiler.rules.agents.used import working
from runner.compiler.rules.context import Context
from runner.compiler.spec.read import key_span, mapping

CODE = "agent-turns"


def check(context: Context) -> list[Diagnostic]:
    """A budget should limit the turns too: an agent that goes in circles is stopped by them before its money ends."""
    found = []
    for agent in working(context):
        budget = mapping(agent.node.get("budget"))
        if budget is not None and "turns" not in budget.entries:
            message = f"the budget of the agent `{agent.id}` does not limit its turns"
            hint = "add `turns: 20`: an agent that goes in circles is stopped early"
            found.append(warning(CODE, message, key_span(agent.node, "budget"), hint))
    return found
