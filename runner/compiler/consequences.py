"""One finding for one mistake: what follows from an error that is told already is not told again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

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
    "with-missing": frozenset({"with", "params", "inputs", "default"}),
    "with-unknown": frozenset({"params", "inputs"}),
    "trigger-inputs": frozenset({"inputs", "default"}),
}
# Keys that give names to expressions.
_NAMED = frozenset({"matrix", "params", "outputs", "for_each"})
# Where the name would be declared that is said not to exist.
_DECLARED_IN = {
    "phase-unknown": "phases",
    "sandbox-unknown": "sandboxes",
    "agent-unknown": "agents",
    "owner-unknown": "agents",
    "template-unknown": "templates",
    "needs-unknown": "steps",
    "milestone-unknown": "steps",
}
# Orders that mean nothing while steps wait for each other in a circle.
_OVER_THE_ORDER = frozenset({"milestone-order", "phase-order"})
_OVER_A_TYPE = frozenset({"input-default", "schedule-inputs"})
_INPUT = re.compile(r"input `(\w+)`")
_ROOT = re.compile(r"(\w+)\s*\.\s*$")
_UNUSED = "-unused"
_SHOWN = 16  # characters of a credential by which it is found again
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def news(document: Document, told: list[Diagnostic], found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return those of `found`, the rules' findings, that do not follow from an error of `told`.

    What is badly written is told once: that it also refers to nothing is no news. A credential always is.
    """
    found = list(found)
    credentials = [finding for finding in found if finding.code == "credential-literal"]
    found = [finding for finding in found if finding.code != "credential-literal"]
    return [*credentials, *_news(document, told, found)]


def discreet(document: Document, found: list[Diagnostic]) -> list[Diagnostic]:
    """Return the same without the credentials that are found: no message repeats them, and no fix."""
    spans = [one.span for one in found if one.code == "credential-literal"]
    lines = split_lines(document.text) if spans else []
    begun = {_written(lines, span).strip("'\"")[:_SHOWN] for span in spans}
    return [_without(one, begun) for one in found] if begun else found


def _without(finding: Diagnostic, begun: set[str]) -> Diagnostic:
    for begin in begun:
        rest = re.compile(re.escape(begin) + r"[^`'\"\s}]*")
        if begin in finding.message + finding.hint + (finding.fix.replacement if finding.fix else ""):
            message = rest.sub(f"{begin[:4]}…", finding.message)
            finding = replace(finding, message=message, hint="no credential belongs here", fix=None)
    return finding


def _news(document: Document, told: list[Diagnostic], found: list[Diagnostic]) -> list[Diagnostic]:
    places = {finding.span for finding in told if finding.severity is Severity.ERROR}
    wrong = [span for span in _sandboxes(document) if any(_within(place, span) for place in places)]
    answers = {
        entry.key.span
        for entry in _entries(document)
        if entry.key.text == "returns" and any(_within(place, entry.value.span) for place in places)
    }
    left = [finding for finding in found if finding.span not in places and not _over(finding, wrong)]
    left = [finding for finding in left if finding.code != "agent-returns" or finding.span not in answers]
    left = _without_items(document, places, _without_verdicts(document, places, left))
    return _without_slips(document, told, _without_doubts(document, told, left)) if places else left


def once(found: list[Diagnostic], path: str) -> list[Diagnostic]:
    """Without the word that a workflow of the same file has errors: all of them are among the findings."""
    return [one for one in found if one.code != "workflow-errors" or one.related[0].span.path != path]


def _without_verdicts(document: Document, places: set[Span], found: list[Diagnostic]) -> list[Diagnostic]:
    """Without verdicts over an order that is a circle, and over values of a type that is wrong itself."""
    codes = {finding.code for finding in found}
    if "needs-cycle" in codes:
        found = [finding for finding in found if finding.code not in _OVER_THE_ORDER]
    if not codes & _OVER_A_TYPE:
        return found
    wrong = [*places, *(finding.span for finding in found if finding.code == "type-schema")]
    inputs = {
        name
        for name, entry in _section(document, "inputs").items()
        if any(_within(span, entry.value.span) for span in wrong)
    }
    return [
        one
        for one in found
        if not (one.code in _OVER_A_TYPE and (name := _INPUT.search(one.message)) and name[1] in inputs)
    ]


def _without_items(document: Document, places: set[Span], found: list[Diagnostic]) -> list[Diagnostic]:
    """Without what expressions of a step say whose item has a name that it cannot have."""
    wrong = []
    for entry in _section(document, "steps").values():
        for_each = entry.value.get("for_each") if isinstance(entry.value, Mapping) else None
        name = for_each.get("as") if isinstance(for_each, Mapping) else None
        if name is not None and name.span in places:
            wrong.append(entry.value.span)
    return [
        one for one in found if not (one.code.startswith("expression-") and any(_within(one.span, at) for at in wrong))
    ]


def _section(document: Document, name: str) -> dict[str, Entry]:
    section = document.root.get(name) if isinstance(document.root, Mapping) else None
    return section.entries if isinstance(section, Mapping) else {}


def _without_doubts(document: Document, told: list[Diagnostic], found: list[Diagnostic]) -> list[Diagnostic]:
    """Without references to what is declared in a section that could not be understood."""
    doubtful = _doubtful(document, told)
    if not doubtful:
        return found
    lines = split_lines(document.text)
    return [one for one in found if _referred(one, lines) not in doubtful]


def _doubtful(document: Document, told: list[Diagnostic]) -> set[str]:
    """The sections at the top whose own key or kind of value is wrong, or an id in them."""
    roots = document.root.entries if isinstance(document.root, Mapping) else {}
    keys = {entry.key.span for entry in roots.values()}
    found = {one.fix.replacement for one in told if one.code == "unknown-key" and one.fix and one.span in keys}
    for name, entry in roots.items():
        inside = any(one.code == "bad-id" and _within(one.span, entry.value.span) for one in told)
        if inside or _wrong(told) & {entry.key.span, entry.value.span}:
            found.add(name)
    return found


def _wrong(told: list[Diagnostic]) -> set[Span]:
    """Where something is wrong. What a map lacks is told at its first key, and says nothing of that key."""
    return {one.span for one in told if one.severity is Severity.ERROR and one.code != "missing-key"}


def _referred(finding: Diagnostic, lines: list[str]) -> str:
    """The section that a finding looked for a name in; "" for one that is about something else."""
    if finding.code != "expression-unknown":
        return _DECLARED_IN.get(finding.code, "")
    root = _ROOT.search(lines[finding.span.line - 1][: finding.span.column - 1])
    return root[1] if root else ""


def _without_slips(document: Document, told: list[Diagnostic], found: list[Diagnostic]) -> list[Diagnostic]:
    """Without what is only missing or unused because a key was mistyped, or a value could not be read."""
    slips = [finding for finding in told if finding.code == "unknown-key"]
    places = _wrong(told)
    entries = list(_entries(document))
    meant = {finding.fix.replacement for finding in slips if finding.fix}
    meant |= {entry.key.text for entry in entries if {entry.key.span, entry.value.span} & places} & _NAMED
    found = [finding for finding in found if not meant & _ABSENT.get(finding.code, frozenset())]
    keys = {finding.span for finding in slips}
    lines = split_lines(document.text)
    strange = {_written(lines, span) for span in keys}
    found = [finding for finding in found if not _names_a_slip(finding, lines, meant, strange)]
    unread = [entry.value.span for entry in entries if entry.key.span in keys]
    found = [finding for finding in found if not any(_within(finding.span, span) for span in unread)]
    if not any(finding.code.endswith(_UNUSED) for finding in found):
        return found
    words = _words(entries, lines, places)
    return [
        one for one in found if not (one.code.endswith(_UNUSED) and _written(lines, one.span).strip("'\"") in words)
    ]


def _names_a_slip(finding: Diagnostic, lines: list[str], meant: set[str], strange: set[str]) -> bool:
    """Whether an expression names what a wrong key would have given: `matrix.NAME`, `params.NAME`, `item`; or the key
    itself, one of `strange`.
    """
    if finding.code not in ("expression-unknown", "expression-context"):
        return False
    own = _WORD.match(lines[finding.span.line - 1], finding.span.column - 1)
    root = _referred(finding, lines) or (own[0] if own else "")
    return root in meant & _NAMED or root in strange or ("for_each" in meant and not _referred(finding, lines))


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


def _words(entries: list[Entry], lines: list[str], places: set[Span]) -> set[str]:
    """The words in what stands under a wrong key, or is a wrong value."""
    words = {word for span in places for word in _WORD.findall(_written(lines, span))}
    for entry in entries:
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
    pairs = [(entry.key.span, entry.value.span) for entry in _section(document, "sandboxes").values()]
    return [Span(key.path, key.line, key.column, value.end_line, value.end_column) for key, value in pairs]


def _within(inner: Span, outer: Span) -> bool:
    begins = (outer.line, outer.column) <= (inner.line, inner.column)
    return begins and (inner.end_line, inner.end_column) <= (outer.end_line, outer.end_column)
