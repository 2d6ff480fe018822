"""`input-unused`: an input that no expression names."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context
from runner.compiler.rules.leftovers.unused import named_in_expressions, unused

CODE = "input-unused"


def check(context: Context) -> list[Diagnostic]:
    """Every input should be used by some expression."""
    declared = [(one.id, one.span) for one in context.workflow.inputs.values()]
    return unused(CODE, "input", declared, named_in_expressions(context, "inputs"))
