"""`expression-context`: an expression names something that is not known at its place."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.expressions.scan import calls
from runner.compiler.rules.context import Context
from runner.compiler.rules.examined import of_kind, span_of

CODE = "expression-context"


def check(context: Context) -> list[Diagnostic]:
    """Matrices know inputs only, a milestone its own steps, a step not itself."""
    found = of_kind(context.document, context.examined, "context", CODE)
    for one in context.examined:
        for name, at in calls(one.found.text) if "hash" in one.found.text and one.found.use.mode != "cache" else ():
            if name == "hash":
                span = span_of(context.document, one.found, at, at + len(name))
                hint = "in a command, compute it there: sha256sum FILE"
                found.append(error(CODE, f"`hash` is known only in the key of a `cache` (in {one.where})", span, hint))
    return found
