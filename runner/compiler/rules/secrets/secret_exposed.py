"""`secret-exposed`: a secret where it could be seen: a command, a prompt, a matrix, a condition."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.expressions.scan import references
from runner.compiler.expressions.uses import Use
from runner.compiler.rules.context import Context
from runner.compiler.rules.examined import span_of

CODE = "secret-exposed"


def _hidden(use: Use) -> bool:
    """Where a secret may be: environment and standard input are seen by the command alone."""
    return use.place == "stdin" or use.place.startswith("env.")


def check(context: Context) -> list[Diagnostic]:
    """Secrets may be used in `env` and `stdin` only."""
    found = []
    for one in context.examined:
        if _hidden(one.found.use):
            continue
        for reference in references(one.found.text):
            if reference.path[0] == "secrets":
                span = span_of(context.document, one.found, reference.start, reference.end)
                message = f"the secret `{reference}` would be seen by others in {one.where}"
                found.append(
                    error(CODE, message, span, "secrets go into `env` or `stdin`; the command reads the variable")
                )
    return found
