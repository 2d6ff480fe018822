"""`expression-value`: an expression compares with a word that can never be."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context
from runner.compiler.rules.examined import of_kind

CODE = "expression-value"


def check(context: Context) -> list[Diagnostic]:
    """A word compared with an enum or a state must be one of its values."""
    return of_kind(context.document, context.examined, "value", CODE)
