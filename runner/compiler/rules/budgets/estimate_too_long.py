"""`estimate-too-long`: a step that usually takes longer than it may."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.plan.amounts import lasting
from runner.compiler.plan.workload import estimate_of, timeout_of
from runner.compiler.rules.context import Context

CODE = "estimate-too-long"


def check(context: Context) -> list[Diagnostic]:
    """`estimate` says how long an attempt usually takes, so it must be less than the timeout that ends it."""
    found = []
    for step in context.workflow.all_steps:
        node, usual, most = step.node.get("estimate"), estimate_of(step), timeout_of(step)
        if node is not None and usual is not None and usual > most:
            message = (
                f"the step `{step.id}` usually takes {lasting(usual)}, and its timeout ends it after {lasting(most)}"
            )
            found.append(error(CODE, message, node.span, "raise the timeout, or correct the estimate"))
    return found
