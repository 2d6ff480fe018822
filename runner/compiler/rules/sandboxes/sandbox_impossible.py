"""`sandbox-impossible`: no provider can give what a sandbox needs."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.plan.choose import choose
from runner.compiler.rules.context import Context
from runner.compiler.spec.read import key_span

CODE = "sandbox-impossible"


def check(context: Context) -> list[Diagnostic]:
    """At least one provider must be able to meet the needs; the message says why each one cannot."""
    found = []
    for sandbox in context.workflow.sandboxes.values():
        candidates = choose(sandbox.needs, [at.value for at in sandbox.prefer])
        if not any(candidate.accepted for candidate in candidates):
            reasons = "; ".join(f"{candidate.provider}: {candidate.reason}" for candidate in candidates)
            message = f"no provider can give the sandbox `{sandbox.id}`: {reasons}"
            span = key_span(sandbox.node, "needs") if sandbox.node.get("needs") else sandbox.span
            found.append(error(CODE, message, span, "ask for less, or split the work over two sandboxes"))
    return found
