"""Where an item of a list is cut out of the text, with the comma that belongs to it."""

from __future__ import annotations

from runner.compiler.diagnostic import Fix, Span
from runner.compiler.document.nodes import Node, Sequence


def removal(node: Node | None, index: int, message: str) -> Fix | None:
    """The edit that takes item `index` out of a list that is written as `[a, b]` on one line; None for any other."""
    if not isinstance(node, Sequence) or not _is_flow(node):
        return None
    spans = [item.span for item in node.items]
    cut = spans[index]
    if index > 0:
        before = spans[index - 1]
        cut = Span(cut.path, before.end_line, before.end_column, cut.end_line, cut.end_column)
    elif len(spans) > 1:
        cut = Span(cut.path, cut.line, cut.column, spans[1].line, spans[1].column)
    return Fix(message, cut, "")


def _is_flow(node: Sequence) -> bool:
    """Its items follow each other on its own line, and a bracket stands behind the last one.

    So the list is no block, and no item is an alias, whose place is that of its anchor.
    """
    span, at = node.span, node.span.column
    for item in node.items:
        if item.span.line != span.line or item.span.end_line != span.line or item.span.column < at:
            return False
        at = item.span.end_column
    return span.line == span.end_line and at < span.end_column
