"""`credential-literal`: something that looks like a key, token or password stands in the spec."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, Span, error
from runner.compiler.document import Node, Scalar, Sequence
from runner.compiler.document.source import place
from runner.compiler.rules.context import Context
from runner.compiler.rules.secrets.credentials import in_text, keyed, may_hold_keyed
from runner.compiler.spec.read import items

CODE = "credential-literal"
_HINT = "revoke it, keep the new one in an environment variable, and declare it under `secrets`"
_PLAIN_WORDS = ("env", "accept", "key_name")  # keys whose value is the name of a variable or an expression


def check(context: Context) -> list[Diagnostic]:
    """Credentials are never written into a spec, not even into a comment; the message does not repeat them."""
    text, path = context.document.text, context.document.path
    found = []
    for one in in_text(text):
        line, column = place(text, one.start)
        span = Span(path, line, column, line, column + one.end - one.start)
        shown = f" (`{one.shown}…`)" if one.shown else ""
        message = f"this looks like {one.what}{shown}; a spec is read by many"
        found.append(error(CODE, message, span, _HINT))
    root = context.document.root
    if root is not None and may_hold_keyed(text):
        told = {finding.span for finding in found}
        found += [finding for finding in _keyed(root) if not any(_inside(at, finding.span) for at in told)]
    return found


def _inside(inner: Span, outer: Span) -> bool:
    return (outer.line, outer.column) <= (inner.line, inner.column) <= (outer.end_line, outer.end_column)


def _keyed(root: Node) -> Iterator[Diagnostic]:
    for key, scalar in _pairs(root):
        if keyed(key, str(scalar.value)):
            message = f"the value of `{key}` looks like a credential; a spec is read by many"
            yield error(CODE, message, scalar.span, _HINT)


def _pairs(root: Node) -> Iterator[tuple[str, Scalar]]:
    """Every text with the key it stands under; a `default`, `const` or `enum` belongs to what it is given for."""
    todo: list[tuple[str, Node]] = [("", root)]
    while todo:
        key, node = todo.pop()
        if isinstance(node, Scalar):
            if isinstance(node.value, str) and key not in _PLAIN_WORDS:
                yield key, node
        elif isinstance(node, Sequence):
            todo += [(key, item) for item in items(node)]
        else:
            for name, entry in node.entries.items():
                todo.append((key if name in ("default", "const", "enum") else name, entry.value))
