"""`phase-missing`: a step in no phase, among steps that have one."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Severity
from runner.compiler.rules.context import Context

CODE = "phase-missing"


def check(context: Context) -> list[Diagnostic]:
    """Where most steps have a `phase`, people look for all of them there."""
    steps = context.workflow.steps.values()
    without = [step for step in steps if step.phase is None and step.kind]
    if not context.workflow.phases or 2 * len(without) >= len(steps):
        return []
    return [
        Diagnostic(
            CODE,
            Severity.INFO,
            f"the step `{step.id}` is in no phase, most others are",
            step.span,
            "add `phase`, one of `phases`",
        )
        for step in without
    ]
