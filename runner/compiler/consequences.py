"""One finding for one mistake: what follows from an error that is told already is not told again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from runner.compiler.diagnostic import Diagnostic, Severity, Span
from runner.compiler.document import Document, Entry, Mapping, Node, Sequence, split_lines

# Verdicts over the declaration of a sandbox: they mean nothing while the declaration itself is wrong.
_OVER_A_SANDBOX = frozenset({"sandbox-impossible", "sandbox-prefer", "sandbox-session"})
# Checks that miss a key, with the keys that they miss.
_ABSENT = {
    "owner-missing": frozenset({"owner", "agent"}),
    "phase-missing": frozenset({"phase"}),
    "milestone-undated": frozenset({"week", "due"}),
    "milestone-empty": frozenset({"needs", "accept"}),
    "milestone-missing": frozenset({"needs", "after", "milestones"}),
    "retry-ineffective": frozenset({"attempts"}),
    "retry-delay": frozenset({"delay", "max"}),
    "agent-budget": frozenset({"budget", "usd", "tokens"}),
    "agent-turns": frozenset({"turns"}),
    "agent-model": frozenset({"model", "human"}),
}
_UNUSED = "-unused"
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def news(document: Document, told: list[Diagnostic], found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return those of `found`, the rules' findings, that do not follow from an error of `told`.

    What is badly written is told once: that it also refers to nothing is no news.
    """
    places = {finding.span for finding in told if finding.severity is Severity.ERROR}
    wrong = [span for span in _sandboxes(document) if any(_within(place, span) for place in places)]
    left = [finding for finding in found if finding.span not in places and not _over(finding, wrong)]
    return _without_slips(document, told, left) if places else left


def _without_slips(document: Document, told: list[Diagnostic], found: list[Diagnostic]) -> list[Diagnostic]:
    """Without what is only missing or unused because a key was mistyped, or a value could not be read."""
    slips = [finding for finding in told if finding.code == "unknown-key"]
    meant = {finding.fix.replacement for finding in slips if finding.fix}
    found = [finding for finding in found if not meant & _ABSENT.get(finding.code, frozenset())]
    keys = {finding.span for finding in slips}
    unread = [entry.value.span for entry in _entries(document) if entry.key.span in keys] if keys else []
    found = [finding for finding in found if not any(_within(finding.span, span) for span in unread)]
    if not any(finding.code.endswith(_UNUSED) for finding in found):
        return found
    lines = split_lines(document.text)
    words = _words(document, lines, {finding.span for finding in told if finding.severity is Severity.ERROR})
    return [
        one for one in found if not (one.code.endswith(_UNUSED) and _written(lines, one.span).strip("'\"") in words)
    ]


def _entries(document: Document) -> Iterator[Entry]:
    """Every entry of every map, those of an aliased one once."""
    todo: list[Node] = [document.root] if document.root is not None else []
    seen: set[int] = set()
    for node in todo:
        if id(node) not in seen:
            seen.add(id(node))
            entries = list(node.entries.values()) if isinstance(node, Mapping) else []
            todo += node.items if isinstance(node, Sequence) else [entry.value for entry in entries]
            yield from entries


def _words(document: Document, lines: list[str], places: set[Span]) -> set[str]:
    """The words in what stands under a wrong key, or is a wrong value."""
    words = {word for span in places for word in _WORD.findall(_written(lines, span))}
    for entry in _entries(document):
        if entry.key.span in places or entry.value.span in places:
            words.update(_WORD.findall(_written(lines, entry.value.span)))
    return words


def _written(lines: list[str], span: Span) -> str:
    """What stands at a place; of one with several lines, all of these lines."""
    stretch = lines[span.line - 1 : span.end_line]
    return stretch[0][span.column - 1 : span.end_column - 1] if len(stretch) == 1 else "\n".join(stretch)


def _over(finding: Diagnostic, wrong: list[Span]) -> bool:
    return finding.code in _OVER_A_SANDBOX and any(_within(finding.span, span) for span in wrong)


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
