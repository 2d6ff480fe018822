"""`phase-unknown`: a step belongs to a phase that is not declared."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context, unknown

CODE = "phase-unknown"


def check(context: Context) -> list[Diagnostic]:
    """The `phase` of a step must be under `phases`."""
    phases = context.workflow.phases
    return [
        unknown(CODE, "the phase", step.phase, list(phases), "declare it under `phases`")
        for step in context.workflow.all_steps
        if step.phase is not None and step.phase.value not in phases
    ]
