"""`owner-unknown`: a step, milestone or risk is owned by nobody who is declared."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context, bounded, unknown
from runner.compiler.rules.names.mentions import mentions
from runner.compiler.spec.read import at_text, child, items

CODE = "owner-unknown"


def check(context: Context) -> list[Diagnostic]:
    """An `owner` must be under `agents`: a model with tools, or the role of a person (`human: true`)."""
    workflow = context.workflow
    others = [milestone.owner for milestone in workflow.milestones]
    others += [at_text(child(risk, "owner")) for risk in items(workflow.node.get("risks"))]
    return bounded(
        unknown(
            CODE, "the owner", at, list(workflow.agents), "declare it under `agents`; for a person with `human: true`"
        )
        for at in [*mentions(workflow, "owner"), *others]
        if at is not None and at.value not in workflow.agents
    )
