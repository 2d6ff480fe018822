"""Where an item of a list is cut out of the text, with the comma that belongs to it."""

from __future__ import annotations

from itertools import pairwise

from runner.compiler.diagnostic import Fix, Span
from runner.compiler.document.nodes import Node, Sequence


def removal(node: Node | None, index: int, message: str, *, safe: bool = True) -> Fix | None:
    """The edit that takes item `index` out of a list that is written as `[a, b]` on one line; None for any other."""
    if not isinstance(node, Sequence):
        return None
    first = max(0, index - 1)
    spans = [item.span for item in node.items[first : index + 2]]
    if not _is_flow(node.span, node.items[-1].span, spans):
        return None
    cut = node.items[index].span
    if index > 0:
        cut = Span(cut.path, cut.line, spans[0].end_column, cut.line, cut.end_column)
    elif len(spans) > 1:
        cut = Span(cut.path, cut.line, cut.column, cut.line, spans[1].column)
    return Fix(message, cut, "", safe)


def _is_flow(whole: Span, last: Span, spans: list[Span]) -> bool:
    """A bracket stands behind the last item, and these items follow each other on the line of the list.

    So the list is no block, and none of these items is an alias, whose place is that of its anchor.
    """
    if whole.line != whole.end_line or not last.end_column < whole.end_column:
        return False
    if any(span.line != whole.line or span.end_line != whole.line or span.column <= whole.column for span in spans):
        return False
    return all(left.end_column < right.column for left, right in pairwise(spans))
