"""The tree at a place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runner.compiler.diagnostic import Span
from runner.compiler.document import Mapping, Node, Scalar, Sequence
from runner.editor.analysis import Path


@dataclass(frozen=True, slots=True)
class Spot:
    """What stands at a place: the path to it, whether it is the key there, and the key or value itself."""

    path: Path
    is_key: bool
    node: Node


def holds(span: Span, line: int, column: int) -> bool:
    """Whether a place is inside a stretch of text, its end included."""
    return (span.line, span.column) <= (line, column) <= (span.end_line, span.end_column)


def spot(root: Node, line: int, column: int) -> Spot | None:
    """The innermost key or value at a place; None between them."""
    return _spot(root, (), line, column)


def _spot(node: Node, path: Path, line: int, column: int) -> Spot | None:
    if isinstance(node, Scalar):
        return Spot(path, is_key=False, node=node)
    for name, key, value in _children(node):
        if key is not None and holds(key.span, line, column):
            return Spot((*path, name), is_key=True, node=key)
        if holds(value.span, line, column):
            return _spot(value, (*path, name), line, column)
    return None


def _children(node: Mapping | Sequence) -> Iterator[tuple[str | int, Scalar | None, Node]]:
    if isinstance(node, Sequence):
        yield from ((number, None, item) for number, item in enumerate(node.items))
    else:
        yield from ((name, entry.key, entry.value) for name, entry in node.entries.items())
