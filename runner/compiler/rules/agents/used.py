"""The agents that do steps: what is asked of an agent is asked of those alone."""

from __future__ import annotations

from runner.compiler.rules.context import Context
from runner.compiler.spec.model import AgentDecl


def working(context: Context) -> list[AgentDecl]:
    """The agents that are models and do at least one step, in the order declared."""
    named = {step.agent.value for step in context.workflow.all_steps if step.agent is not None}
    return [agent for agent in context.workflow.agents.values() if agent.id in named and not agent.human]
