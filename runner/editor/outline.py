"""The parts of a spec as a list to jump in, and what can be folded."""

from __future__ import annotations

from dataclasses import dataclass

from runner.compiler.diagnostic import Span
from runner.compiler.document import Document, Entry, Mapping, Node, Sequence
from runner.compiler.spec.read import text
from runner.editor.analysis import Analysis
from runner.editor.names import SECTIONS

_LISTS = ("milestones", "policies", "schedules", "triggers", "risks", "tests")


@dataclass(frozen=True, slots=True)
class Symbol:
    """A part of a spec: its key, what it is, where all of it and its name stand."""

    name: str
    kind: str  # the section it belongs to, or "" for a key of the spec itself
    detail: str
    span: Span
    name_span: Span
    children: tuple[Symbol, ...] = ()


def symbols(analysis: Analysis) -> list[Symbol]:
    """The outline: for several documents one symbol each, else the sections."""
    found = [(document, _sections(document.root)) for document in analysis.documents]
    if len(found) < 2:
        return found[0][1]
    return [_document(document, sections) for document, sections in found if document.root is not None]


def _document(document: Document, sections: list[Symbol]) -> Symbol:
    root = document.root
    name = text(root.get("name")) if isinstance(root, Mapping) else ""
    span = root.span if root is not None else Span(document.path, 1, 1, 1, 1)
    return Symbol(name or "(without a name)", "", "", span, _begin(span), tuple(sections))


def _begin(span: Span) -> Span:
    return Span(span.path, span.line, span.column, span.line, span.column)


def _sections(root: Node | None) -> list[Symbol]:
    if not isinstance(root, Mapping):
        return []
    return [_entry(entry, "", _children(name, entry.value)) for name, entry in root.entries.items()]


def _children(name: str, node: Node) -> tuple[Symbol, ...]:
    if name in SECTIONS and isinstance(node, Mapping):
        return tuple(_entry(entry, name) for entry in node.entries.values())
    if name in _LISTS and isinstance(node, Sequence):
        return tuple(_item(item, name) for item in node.items)
    return ()


def _item(node: Node, kind: str) -> Symbol:
    named = node.get("id") or node.get("name") if isinstance(node, Mapping) else None
    title = text(node.get("title")) if isinstance(node, Mapping) else ""
    return Symbol(text(named) or "-", kind, title, node.span, named.span if named else _begin(node.span))


def _entry(entry: Entry, kind: str, children: tuple[Symbol, ...] = ()) -> Symbol:
    key, value = entry.key.span, entry.value.span
    end = max((key.end_line, key.end_column), (value.end_line, value.end_column))
    inside = (key.line, key.column) <= (value.line, value.column)  # an alias stands for a value elsewhere
    span = Span(key.path, key.line, key.column, *end) if inside else key
    detail = text(entry.value.get("title")) if isinstance(entry.value, Mapping) else text(entry.value)[:60]
    return Symbol(entry.key.text or "-", kind, detail.partition("\n")[0], span, key, children)


def folds(analysis: Analysis) -> list[tuple[int, int]]:
    """The first and the last line of everything that fills several."""
    found: set[tuple[int, int]] = set()
    todo: list[tuple[int, Node]] = []
    for document in analysis.documents:
        if document.root is not None:
            todo.append((document.root.span.line, document.root))
    while todo:
        line, node = todo.pop()
        if isinstance(node, Mapping):
            todo += [(entry.key.span.line, entry.value) for entry in node.entries.values()]
        elif isinstance(node, Sequence):
            todo += [(item.span.line, item) for item in node.items]
        if line < node.span.end_line and not any(node is document.root for document in analysis.documents):
            found.add((line, node.span.end_line))
    return sorted(found)
