"""`expression-syntax`: an expression cannot be read, is not closed, or stands where none may."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context, error
from runner.compiler.rules.examined import Examined, of_kind, span_of

CODE = "expression-syntax"


def _place_trouble(context: Context, one: Examined) -> Diagnostic | None:
    found = one.found
    if not found.closed:
        span = span_of(context.document, found)
        return error(CODE, f"`${{{{` is not closed by `}}}}` (in {one.where})", span, "write ${{ expression }}")
    if found.use.mode == "code":
        hint = "put the value into `env` and read the variable in the code"
        message = f"the code of a script takes no expressions (in {one.where})"
        return error(CODE, message, span_of(context.document, found), hint)
    if found.use.mode == "bool" and "${{" in found.text:
        message = f"here the whole text is an expression, without `${{{{ }}}}` (in {one.where})"
        return error(
            CODE, message, span_of(context.document, found), "write the bare expression: inputs.target == 'prod'"
        )
    return None


def check(context: Context) -> list[Diagnostic]:
    """Expressions must be complete CEL, closed, and at a place that takes them."""
    found: list[Diagnostic] = []
    for one in context.examined:
        trouble = _place_trouble(context, one)
        found += [trouble] if trouble else of_kind(context.document, [one], "syntax", CODE)
    return found
