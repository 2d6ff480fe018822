"""`skipped-upstream`: outputs of a step that may have none are used without asking first."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context
from runner.compiler.rules.examined import of_kind

CODE = "skipped-upstream"


def check(context: Context) -> list[Diagnostic]:
    """Where a step may have been skipped or have failed, its outputs stand behind a question for its state."""
    return of_kind(context.document, context.examined, "skipped", CODE)
