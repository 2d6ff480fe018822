"""`phase-unknown`: a step belongs to a phase that is not declared."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context, bounded, unknown
from runner.compiler.rules.names.mentions import mentions

CODE = "phase-unknown"


def check(context: Context) -> list[Diagnostic]:
    """The `phase` of a step must be under `phases`."""
    phases = context.workflow.phases
    return bounded(
        unknown(CODE, "the phase", at, list(phases), "declare it under `phases`")
        for at in mentions(context.workflow, "phase")
        if at.value not in phases
    )
