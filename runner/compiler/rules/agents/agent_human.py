"""`agent-human`: a step is given to the role of a person as if it were a model."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Related, error
from runner.compiler.rules.context import Context

CODE = "agent-human"


def check(context: Context) -> list[Diagnostic]:
    """Steps of kind `agent` are done by models; people own steps and approve."""
    agents = context.workflow.agents
    found = []
    for step in context.workflow.all_steps:
        agent = agents.get(step.agent.value) if step.agent else None
        if step.agent and agent and agent.human:
            message = f"the step `{step.id}` is for a model, but `{agent.id}` is the role of a person"
            hint = (
                "ask the person with `approve: {prompt: …}`, or name the role as `owner` of a step that does the work"
            )
            related = (Related(f"`{agent.id}` is declared with `human: true`", agent.span),)
            found.append(error(CODE, message, step.agent.span, hint, related))
    return found
