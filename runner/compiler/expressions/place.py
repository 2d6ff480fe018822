"""From an offset in a scalar's value back to the line and column in the file."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache

from runner.compiler.diagnostic import Span
from runner.compiler.document import Document, Scalar

_BREAK = re.compile(r"\r\n|\r|\n")
_NO_BLANK = re.compile(r"\S")
_ESCAPE = re.compile(r"\\(?:x..|u....|U........|\r\n\s*|[\r\n]\s*|.)", re.DOTALL)


@lru_cache(maxsize=4)
def _line_starts(text: str) -> list[int]:
    return [0, *(match.end() for match in _BREAK.finditer(text))]


def _blank(raw: str, at: int) -> tuple[int, int]:
    """How much white space begins at `raw[at]`, and how many line breaks are in it: one folds to a space, n to n-1."""
    end = _NO_BLANK.search(raw, at)
    blank = raw[at : end.start() if end else len(raw)]
    return len(blank), len(_BREAK.findall(blank))


def _aligned(raw: str, at: int, value: str, offset: int, style: str) -> int:
    """The index in `raw` of the character that became `value[offset]`.

    Runs of white space count as equal, whatever folding and indentation made of them; escapes of quoted
    scalars are one character.
    """
    v = 0
    while at < len(raw) and v < offset:
        escape = _ESCAPE.match(raw, at) if style == '"' else None
        if escape:
            v += 0 if escape[0][1] in "\r\n" else 1
            at = escape.end()
        elif style == '"' and raw[at].isspace():
            run, breaks = _blank(raw, at)
            v += max(1, breaks - 1)
            at += run if breaks else 1
        elif raw[at].isspace() or value[v].isspace():
            while v < offset and value[v].isspace():
                v += 1
            while at < len(raw) and raw[at].isspace():
                at += 1
        else:
            at += 2 if style == "'" and raw.startswith("''", at) else 1
            v += 1
    if v >= offset and offset < len(value) and not value[offset].isspace():
        while at < len(raw) and raw[at].isspace():
            at += 1
    return at


def locate(document: Document, node: Scalar, start: int, end: int) -> Span:
    """The place in the file of `node.value[start:end]`; the whole scalar where the text cannot tell."""
    value = node.value if isinstance(node.value, str) else node.text
    starts = _line_starts(document.text)
    span = node.span
    if span.line > len(starts) or span.end_line > len(starts):
        return span
    first = starts[span.line - 1] + span.column - 1
    last = starts[span.end_line - 1] + span.end_column - 1
    raw = document.text[first:last]
    if node.style in ("|", ">"):
        header = _BREAK.search(raw)
        begin = header.end() if header else 0
    else:
        begin = 1 if node.style else 0
    found, past = [], 0
    for offset in (start, max(start, end - 1)):
        index = first + _aligned(raw, begin, value, min(offset, len(value)), node.style)
        line = bisect_right(starts, index) - 1
        found.append((line + 1, index - starts[line] + 1))
        past = 1 if end > start and document.text[index : index + 1].strip("\r\n") else 0
    return Span(document.path, *found[0], found[1][0], found[1][1] + past)
