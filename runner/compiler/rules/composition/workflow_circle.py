"""`workflow-circle`: workflows that run each other without end, or too deep."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.rules.composition.children import troubles
from runner.compiler.rules.context import Context

CODE = "workflow-circle"


def check(context: Context) -> list[Diagnostic]:
    """A workflow must not run itself, not even through others, and at most 16 may run inside each other."""
    # The circles through a workflow that stands above in the same file are told there.
    before = context.family.before(context.document)
    return [
        error(CODE, one.message, node.span, one.hint)
        for node, one in troubles(context, "circle")
        if not any(each is other for each in one.through for other in before)
    ]
