"""`sandbox-unknown`: a step, a template, an agent or the defaults name a sandbox that is not declared."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.plan.model import DEFAULT_SANDBOX
from runner.compiler.rules.context import Context, bounded, unknown
from runner.compiler.rules.names.mentions import mentions
from runner.compiler.spec.read import at_text, child

CODE = "sandbox-unknown"


def check(context: Context) -> list[Diagnostic]:
    """Every sandbox that is named must be under `sandboxes`; `default` always exists."""
    workflow = context.workflow
    used = mentions(workflow, "sandbox")
    used += [agent.sandbox for agent in workflow.agents.values() if agent.sandbox is not None]
    of_all = at_text(child(workflow.node.get("defaults"), "sandbox"))
    used += [of_all] if of_all is not None else []
    known = [*workflow.sandboxes, DEFAULT_SANDBOX]
    return bounded(
        unknown(CODE, "the sandbox", at, known, "declare it under `sandboxes`") for at in used if at.value not in known
    )
