"""`expression-type`: types that do not fit each other, or not the place of the expression."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.expressions.scan import OPEN
from runner.compiler.expressions.shell import rewrite
from runner.compiler.expressions.uses import Found
from runner.compiler.rules.context import Context
from runner.compiler.rules.examined import Examined, exposed, of_kind, span_of

CODE = "expression-type"
_WORDS = {
    "STRING": "text",
    "INT": "a whole number",
    "DOUBLE": "a number",
    "BOOL": "a boolean",
    "NULL": "null",
    "DYN": "any value",
}


def _words(kind: str) -> str:
    if kind.startswith("LIST"):
        return "a list"
    return "an object" if kind.startswith("MAP") else _WORDS.get(kind, f"a {kind.lower()}")


def _in_arithmetic(found: Found) -> bool:
    text = found.use.node.value
    return found.use.mode == "shell" and isinstance(text, str) and found.start - len(OPEN) in rewrite(text).arithmetic


def _misfit(one: Examined) -> tuple[str, str] | None:
    """What the place wants and does not get, with the remedy."""
    kind, use = one.verdict.type, one.found.use
    if one.verdict.troubles or not one.found.closed or exposed(one):
        return None
    if kind != "INT" and _in_arithmetic(one.found):
        # The shell evaluates the value: a text such as `a[$(reboot)]` would be executed.
        return f"in `(( ))` only a whole number may stand, this is {_words(kind)}", "convert it: int(x)"
    if kind == "DYN":
        return None
    if use.mode == "bool" and kind != "BOOL":
        return f"`{use.place}` must be true or false, this is {_words(kind)}", "compare it: a == b, a > 0, size(a) > 0"
    if use.mode == "axis" and not kind.startswith("LIST"):
        return (
            f"a matrix axis must be a list, this is {_words(kind)}",
            "range(n) makes a list of numbers; or write [a, b]",
        )
    whole = isinstance(use.node.value, str) and use.node.value.strip() == "${{" + one.found.text + "}}"
    spliced = use.mode == "shell" or (use.mode in ("text", "cache") and not whole)
    if spliced and kind.startswith(("LIST", "MAP")):
        if use.mode == "shell":
            return (
                f"{_words(kind)} cannot stand in a shell text",
                "join it: x.join(' '), or pass it whole as JSON through `env`",
            )
        return f"{_words(kind)} cannot be part of a longer text", "join it: x.join(', '), or name one of its items"
    return None


def check(context: Context) -> list[Diagnostic]:
    """Operators and functions must get what they take; conditions are boolean, axes are lists, texts hold no lists,
    and shell arithmetic computes with whole numbers.
    """
    found = of_kind(context.document, context.examined, "type", CODE)
    for one in context.examined:
        misfit = _misfit(one)
        if misfit:
            found.append(error(CODE, f"{misfit[0]} (in {one.where})", span_of(context.document, one.found), misfit[1]))
    return found
