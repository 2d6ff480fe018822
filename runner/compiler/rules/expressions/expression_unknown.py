"""`expression-unknown`: an expression names something that is not declared."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context
from runner.compiler.rules.examined import of_kind

CODE = "expression-unknown"


def check(context: Context) -> list[Diagnostic]:
    """Every name and function in an expression must be declared."""
    return of_kind(context.document, context.examined, "unknown", CODE)
