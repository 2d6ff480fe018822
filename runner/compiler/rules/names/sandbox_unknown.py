"""`sandbox-unknown`: a step or an agent names a sandbox that is not declared."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.plan.model import DEFAULT_SANDBOX
from runner.compiler.rules.context import Context, unknown

CODE = "sandbox-unknown"


def check(context: Context) -> list[Diagnostic]:
    """Every sandbox that is named must be under `sandboxes`; `default` always exists."""
    workflow = context.workflow
    used = [*(step.sandbox for step in workflow.all_steps), *(agent.sandbox for agent in workflow.agents.values())]
    known = [*workflow.sandboxes, DEFAULT_SANDBOX]
    return [
        unknown(CODE, "the sandbox", at, known, "declare it under `sandboxes`")
        for at in used
        if at is not None and at.value not in known
    ]
