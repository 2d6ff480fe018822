"""What of the declared things is never used; the `…-unused` rules each report their own kind."""

from __future__ import annotations

from collections.abc import Iterable

from runner.compiler.diagnostic import Diagnostic, Span, warning
from runner.compiler.expressions.scan import references
from runner.compiler.rules.context import Context
from runner.compiler.suggest import nearest


def named_in_expressions(context: Context, root: str) -> set[str]:
    """The names under `root` that any expression uses. A bare `root` counts as nothing."""
    return {
        reference.path[1]
        for one in context.examined
        for reference in references(one.found.text)
        if reference.path[0] == root and len(reference.path) > 1
    }


def unused(code: str, what: str, declared: Iterable[tuple[str, Span]], used: set[str]) -> list[Diagnostic]:
    """A warning for each declared thing that is not used. What a misspelt name means counts as used."""
    spans = dict(declared)
    meant = {near for name in used if name not in spans for near in nearest(name, spans)}
    return [
        warning(code, f"the {what} `{name}` is declared and never used", span, "use it, or remove it")
        for name, span in spans.items()
        if name not in used | meant
    ]
