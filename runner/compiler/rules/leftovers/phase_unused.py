"""`phase-unused`: a phase without a step."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context
from runner.compiler.rules.leftovers.unused import unused
from runner.compiler.rules.names.mentions import mentions

CODE = "phase-unused"


def check(context: Context) -> list[Diagnostic]:
    """Every phase should have a step."""
    workflow = context.workflow
    used = {at.value for at in mentions(workflow, "phase")}
    return unused(CODE, "phase", [(one.id, one.span) for one in workflow.phases.values()], used)
