"""The tree against `schemas/workflow.v1.schema.json`, in sentences of our own.

Read in this order: `validator` (what breaks the schema), `places` (where that is in the text), `keys` and
`values` (the sentences), `words` (how things are called). Only `validator` knows the JSON Schema library.

The schema is written so that every mistake has one reason: a key that several types may fill names them in
`type` and lets the keywords of each type speak for themselves, and what excludes what stands in
`dependentSchemas`, `if`/`then` with a `$comment` that completes the sentence "`KEY` …".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from math import nextafter

from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Diagnostic, Severity, Span
from runner.compiler.document import Document, Mapping, Node, Scalar, Sequence
from runner.compiler.document.limits import DEFAULT_LIMITS
from runner.compiler.shape.keys import KEY_SENTENCES, mistyped
from runner.compiler.shape.places import Finding, Site, locate
from runner.compiler.shape.validator import Path, Violation, violations
from runner.compiler.shape.values import VALUE_SENTENCES, unforeseen

__all__ = ["check"]

# What cannot be concluded when a syntax error cost a part of the tree.
_OF_ABSENCE = frozenset({"missing-key", "kind-missing", "empty-section"})
_SENTENCES = {**KEY_SENTENCES, **VALUE_SENTENCES}


def check(document: Document) -> list[Diagnostic]:
    """Return what breaks the workflow schema: one finding for one mistake, in the schema's order."""
    if document.root is None:
        return []
    findings = (
        finding
        for violation, site in _sites(document.root, document.path)
        for finding in _SENTENCES.get(violation.keyword, unforeseen)(violation, site)
    )
    found = list(islice(findings, DEFAULT_LIMITS.findings))
    told = {error.span for error in document.diagnostics if error.severity is Severity.ERROR}
    return _once(
        finding.diagnostic
        for finding in found
        if finding.diagnostic.span not in told
        and not (document.broken and finding.diagnostic.code in _OF_ABSENCE)
        and not _explained(finding, found)
    )


def _once(findings: Iterable[Diagnostic]) -> list[Diagnostic]:
    """An unknown key that an alias or a merge brings to several maps is told once, with the first of them."""
    kept: dict[tuple[str, Span, str], Diagnostic] = {}
    for finding in findings:
        whose = "" if finding.code == "unknown-key" else finding.message
        kept.setdefault((finding.code, finding.span, whose), finding)
    return list(kept.values())


def _sites(root: Node, path: str) -> Iterator[tuple[Violation, Site]]:
    """The violations with their places.

    Beside a wrong type nothing else is said about a value, and nothing at all about what is inside a refused key.
    """
    every = violations(_strict(root))
    wrong = {violation.path for violation in every if violation.keyword == "type"}
    refused = {violation.path for violation in every if violation.keyword == "falseSchema"}
    refused |= {(*violation.path, name) for violation in every for name in mistyped(violation)}
    for violation in every:
        if not _hidden(violation, wrong, refused):
            yield violation, locate(root, violation.path, path)


def _strict(node: Node) -> Json:
    """The plain value. To the schema library `3.0` is a whole number, to our readers it is none: it is made to look so.

    Items of lists stay: there equal ones are looked for.
    """
    if isinstance(node, Mapping):
        return {key: _strict_value(entry.value) for key, entry in node.entries.items()}
    return [_strict(item) for item in node.items] if isinstance(node, Sequence) else node.value


def _strict_value(node: Node) -> Json:
    if not isinstance(node, Scalar):
        return _strict(node)
    return nextafter(node.value, 0.0) if isinstance(node.value, float) else node.value


def _hidden(violation: Violation, wrong: set[Path], refused: set[Path]) -> bool:
    path, keyword = violation.path, violation.keyword
    if keyword != "type" and keyword != "falseSchema" and path in wrong:
        return True
    end = len(path) if keyword == "falseSchema" else len(path) + 1
    return bool(refused) and any(path[:length] in refused for length in range(1, end))


def _explained(finding: Finding, found: list[Finding]) -> bool:
    """Whether another finding in the same map already tells it.

    A key that is missing because it was mistyped; what one of two kinds lacks, or does not heed.
    """
    code = finding.diagnostic.code
    for other in found:
        if other is finding or other.path != finding.path:
            continue
        if code in ("missing-key", "kind-missing") and finding.about & other.meant:
            return True
        if code in ("ineffective-key", "missing-key") and other.diagnostic.code == "kind-conflict":
            return True
    return False
