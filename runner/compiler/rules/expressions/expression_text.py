"""`expression-text`: a list, an object or null in the middle of a text."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.rules.context import Context
from runner.compiler.rules.examined import Examined, span_of

CODE = "expression-text"
_REMEDIES = {
    "list": "join it: x.join(', '), or name one of its items",
    "object": "name one of its properties",
    "null": "write what shall stand there: x == null ? 'none' : x",
}
_IN_SHELL = {
    "list": "join it: x.join(' '), or pass it whole as JSON through `env`",
    "object": "name one of its properties, or pass it whole as JSON through `env`",
}


def _spliced(one: Examined) -> bool:
    """Whether the value becomes a part of a longer text."""
    use = one.found.use
    if use.mode == "shell":
        return True
    text = use.node.value
    whole = isinstance(text, str) and text.strip() == "${{" + one.found.text + "}}"
    return use.mode in ("text", "cache") and not whole


def check(context: Context) -> list[Diagnostic]:
    """Text is put together from texts, numbers and booleans."""
    found = []
    for one in context.examined:
        kind = one.verdict.shape
        if kind.kind in _REMEDIES and one.found.closed and one.verdict.sound and _spliced(one):
            shell = one.found.use.mode == "shell"
            place = "stand in a shell text" if shell else "be part of a longer text"
            hint = (_IN_SHELL if shell else _REMEDIES).get(kind.kind, _REMEDIES[kind.kind])
            message = f"{kind} cannot {place} (in {one.where})"
            found.append(error(CODE, message, span_of(context.document, one.found), hint))
    return found
