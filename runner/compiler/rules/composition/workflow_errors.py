"""`workflow-errors`: a step runs a workflow whose spec has errors."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Related, error
from runner.compiler.rules.composition.children import troubles
from runner.compiler.rules.context import Context

CODE = "workflow-errors"
_SHOWN = 3


def check(context: Context) -> list[Diagnostic]:
    """The spec that `workflow` names must be without errors; its first ones are shown."""
    found = []
    for node, trouble in troubles(context, "errors"):
        related = tuple(Related(f"{one.code}: {one.message}", one.span) for one in trouble.errors[:_SHOWN])
        found.append(error(CODE, trouble.message, node.span, trouble.hint, related))
    return found
