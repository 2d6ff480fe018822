"""What of the declared things is never used; the `…-unused` rules each report their own kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from runner.compiler.diagnostic import Diagnostic, Span, warning
from runner.compiler.expressions.scan import foreign, references
from runner.compiler.rules.context import Context
from runner.compiler.suggest import nearest

_MOST = 100  # misspelt names whose meaning is looked for
_NEXT = re.compile(r"\s*\.\s*([A-Za-z_]\w*)")


def named_in_expressions(context: Context, root: str) -> set[str]:
    """The names under `root` that any expression uses. A bare `root` counts as nothing.

    What is written in other brackets, or under a misspelt root, is meant to be used: see `expression-bare` and
    `expression-unknown`.
    """
    found = [reference for one in context.examined for reference in references(one.found.text)]
    found += foreign(context.document.text)
    names = {reference.path[1] for reference in found if reference.path[0] == root and len(reference.path) > 1}
    return names | set(_under_a_slip(context, root))


def _under_a_slip(context: Context, root: str) -> Iterator[str]:
    for one in context.examined:
        for trouble in one.verdict.troubles:
            if trouble.change is not None and trouble.change.text == root:
                match = _NEXT.match(one.found.text, trouble.end)
                if match:
                    yield match[1]


def unused(code: str, what: str, declared: Iterable[tuple[str, Span]], used: set[str]) -> list[Diagnostic]:
    """A warning for each declared thing that is not used. What a misspelt name means counts as used."""
    spans = dict(declared)
    strangers = sorted(name for name in used if name not in spans)[:_MOST]
    meant = {near for name in strangers for near in nearest(name, spans)}
    return [
        warning(code, f"the {what} `{name}` is declared and never used", span, "use it, or remove it")
        for name, span in spans.items()
        if name not in used | meant
    ]
