"""`agent-budget`: nothing limits what an agent may cost."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, warning
from runner.compiler.rules.agents.used import working
from runner.compiler.rules.context import Context
from runner.compiler.spec.read import key_span, mapping

CODE = "agent-budget"


def check(context: Context) -> list[Diagnostic]:
    """An agent that does steps should have a `budget` in dollars or tokens: it decides by itself when it is done."""
    found = []
    for agent in working(context):
        budget = mapping(agent.node.get("budget"))
        if budget is None:
            message = f"the agent `{agent.id}` has no budget: neither its cost nor its turns are limited"
            found.append(
                warning(CODE, message, agent.span, "add `budget: {usd: 0.50, turns: 20}`, the most of one step")
            )
        elif not {"usd", "tokens"} & set(budget.entries):
            message = f"the budget of the agent `{agent.id}` limits its turns, and not what they cost"
            span = key_span(agent.node, "budget")
            found.append(warning(CODE, message, span, "add `usd: 0.50` or `tokens: 100000`, the most of one step"))
    return found
