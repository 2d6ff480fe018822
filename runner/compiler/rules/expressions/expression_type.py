"""`expression-type`: types that do not fit each other, or not the place of the expression."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.expressions.scan import OPEN
from runner.compiler.expressions.shell import rewrite
from runner.compiler.expressions.uses import Found
from runner.compiler.rules.context import Context
from runner.compiler.rules.examined import Examined, exposed, of_kind, span_of

CODE = "expression-type"


def _in_arithmetic(found: Found) -> bool:
    text = found.use.node.value
    return found.use.mode == "shell" and isinstance(text, str) and found.start - len(OPEN) in rewrite(text).arithmetic


def _misfit(one: Examined) -> tuple[str, str] | None:
    """What the place wants and does not get, with the remedy."""
    kind, use = one.verdict.shape, one.found.use
    if not one.verdict.sound or not one.found.closed or exposed(one):
        return None
    if kind.kind != "integer" and _in_arithmetic(one.found):
        # The shell evaluates the value: a text such as `a[$(reboot)]` would be executed.
        return f"in `(( ))` only an integer may stand, this is {kind}", "convert it: int(x)"
    if kind.kind == "any":
        return None
    if use.mode == "bool" and kind.kind != "boolean":
        return f"`{use.place}` must be true or false, this is {kind}", "compare it: a == b, a > 0, size(a) > 0"
    if use.mode == "axis" and kind.kind != "list":
        what = "`for_each` goes through a list" if use.place.startswith("for_each") else "a matrix axis must be a list"
        return f"{what}, this is {kind}", "range(n) makes a list of numbers; or write [a, b]"
    return None


def check(context: Context) -> list[Diagnostic]:
    """Operators and functions must get what they take; conditions are boolean, axes are lists, and
    shell arithmetic computes with whole numbers.
    """
    found = of_kind(context.document, context.examined, "type", CODE)
    for one in context.examined:
        misfit = _misfit(one)
        if misfit:
            found.append(error(CODE, f"{misfit[0]} (in {one.where})", span_of(context.document, one.found), misfit[1]))
    return found
