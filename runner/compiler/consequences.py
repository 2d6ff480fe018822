"""One finding for one mistake: what follows from an error that is told already is not told again."""

from __future__ import annotations

from collections.abc import Iterable

from runner.compiler.diagnostic import Diagnostic, Severity, Span
from runner.compiler.document import Document, Mapping

# Verdicts over the declaration of a sandbox: they mean nothing while the declaration itself is wrong.
_OVER_A_SANDBOX = "sandbox-impossible"


def news(document: Document, told: Iterable[Diagnostic], found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return those of `found`, the rules' findings, that do not follow from an error of `told`.

    What is badly written is told once: that it also refers to nothing is no news.
    """
    places = {finding.span for finding in told if finding.severity is Severity.ERROR}
    wrong = [span for span in _sandboxes(document) if any(_within(place, span) for place in places)]
    return [finding for finding in found if finding.span not in places and not _over(finding, wrong)]


def _over(finding: Diagnostic, wrong: list[Span]) -> bool:
    return finding.code == _OVER_A_SANDBOX and any(_within(finding.span, span) for span in wrong)


def _sandboxes(document: Document) -> list[Span]:
    """Where each sandbox is declared, its key and its value."""
    sandboxes = document.root.get("sandboxes") if isinstance(document.root, Mapping) else None
    if not isinstance(sandboxes, Mapping):
        return []
    pairs = [(entry.key.span, entry.value.span) for entry in sandboxes.entries.values()]
    return [Span(key.path, key.line, key.column, value.end_line, value.end_column) for key, value in pairs]


def _within(inner: Span, outer: Span) -> bool:
    begins = (outer.line, outer.column) <= (inner.line, inner.column)
    return begins and (inner.end_line, inner.end_column) <= (outer.end_line, outer.end_column)
