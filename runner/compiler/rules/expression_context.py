"""`expression-context`: an expression names something that is not known at its place."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context
from runner.compiler.rules.examined import of_kind

CODE = "expression-context"


def check(context: Context) -> list[Diagnostic]:
    """Matrices know inputs only, a milestone its own steps, a step not itself."""
    return of_kind(context.document, context.examined, "context", CODE)
