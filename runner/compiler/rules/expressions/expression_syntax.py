"""`expression-syntax`: an expression cannot be read, is not closed, or stands where none may."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.document import Mapping, Node, Scalar, Sequence
from runner.compiler.expressions.scan import OPEN
from runner.compiler.rules.context import Context
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
    return None


# What is filled in, checked by itself, or text that is nobody's but the author's.
_TAKEN = frozenset(
    (
        *("run", "script", "agent", "tool", "approve", "prompt", "with", "env", "stdin", "cwd", "files"),
        *("matrix", "for_each", "repeat", "cache", "concurrency", "if", "when", "accept", "triggers", "tests", "value"),
        *("const", "enum", "examples", "pattern", "description", "instructions"),
    )
)


def _strays(node: Node | None) -> Iterator[Scalar]:
    """The texts with an expression where none is filled in."""
    todo = [node]
    while todo:
        node = todo.pop()
        if isinstance(node, Mapping):
            todo += [entry.value for key, entry in node.entries.items() if key not in _TAKEN]
        elif isinstance(node, Sequence):
            todo += node.items
        elif isinstance(node, Scalar) and isinstance(node.value, str) and OPEN in node.value:
            yield node


def _stray(scalar: Scalar) -> Diagnostic:
    hint = "write the text itself; `runner schema` says which keys take expressions"
    return error(CODE, "no expression is filled in here", scalar.span, hint)


def check(context: Context) -> list[Diagnostic]:
    """Expressions must be complete CEL, closed, and at a place that takes them."""
    found: list[Diagnostic] = []
    for one in context.examined:
        trouble = _place_trouble(context, one)
        if trouble:
            found.append(trouble)
        elif one.found.use.mode != "bool" or OPEN not in one.found.text:  # else see `expression-bare`
            found += of_kind(context.document, [one], "syntax", CODE)
    return found + [_stray(scalar) for scalar in _strays(context.document.root)]
