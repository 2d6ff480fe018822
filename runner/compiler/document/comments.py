"""Where the comments of a text are. The tree has none, and not every `#` begins one."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable

import yaml
from yaml.events import ScalarEvent, StreamEndEvent

from runner.compiler.document.builder import Parser
from runner.records import dataclass

_Parser: Callable[[str], Parser] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_BREAK = re.compile(r"\r\n|\r|\n")
# The parser counts `&anchor` and `!tag` to the value, with the comments and line breaks behind them.
_PROPERTIES = re.compile(r"(?:[&!]\S*(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n))*[ \t]*)*")


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment, from its `#` to the end of its line: 1-based line and column.

    `alone` on its line or not; `before` is how many spaces and tabs stand before it.
    """

    text: str
    line: int
    column: int
    alone: bool
    before: int


@dataclass(frozen=True, slots=True)
class Remarks:
    """The comments of a text that hold a word, and what is needed to say what they stand at.

    - `content`: the 1-based line of the first key or value; behind the last line where there is none.
    - `ends`: first line → last line, for each text of several lines; a block text begins at its `|` or `>`.
    """

    comments: tuple[Comment, ...]
    content: int
    ends: dict[int, int]


@dataclass(frozen=True, slots=True)
class _Scalar:
    """A text of the file: where it begins, and which of its characters are no comment for sure."""

    head: int
    begin: int
    end: int


def remarks(text: str, word: str) -> Remarks:
    """Find the comments of `text` that hold `word`; in a text that is no YAML there are none.

    A `#` inside a quoted text or in the lines of a block text begins no comment; behind its `|` it does.
    """
    starts = [0, *(found.end() for found in _BREAK.finditer(text))]
    try:
        scalars = _scalars(text)
    except yaml.YAMLError:
        return Remarks((), len(starts) + 1, {})
    begins = [scalar.begin for scalar in scalars]

    def quoted(at: int) -> bool:
        before = bisect_right(begins, at) - 1
        return before >= 0 and at < scalars[before].end

    comments = []
    for number, (begin, end) in enumerate(zip(starts, [*starts[1:], len(text)], strict=True), 1):
        line = text[begin:end].rstrip("\r\n")
        if word in line and (at := _comment(line, begin, quoted)) is not None and word in line[at:]:
            head = line[:at].rstrip(" \t")
            comments.append(Comment(line[at:], number, at + 1, not head, at - len(head)))
    lines = [(bisect_right(starts, one.head), bisect_right(starts, one.end - 1)) for one in scalars]
    content = lines[0][0] if lines else len(starts) + 1
    return Remarks(tuple(comments), content, {first: last for first, last in lines if last > first})


def _comment(line: str, begin: int, quoted: Callable[[int], bool]) -> int | None:
    """The index in `line`, which begins at `begin`, of the `#` of its comment."""
    for found in re.finditer("#", line):
        at = found.start()
        if (at == 0 or line[at - 1] in " \t") and not quoted(begin + at):
            return at
    return None


def _scalars(text: str) -> list[_Scalar]:
    """The texts of the file in their order, without those of no character."""
    parser = _Parser(text)
    out: list[_Scalar] = []
    while not isinstance(event := parser.get_event(), StreamEndEvent):
        if not isinstance(event, ScalarEvent) or event.start_mark is None or event.end_mark is None:
            continue
        head, end = event.start_mark.index, event.end_mark.index
        if (event.anchor or event.tag) and (properties := _PROPERTIES.match(text, head, end)):
            head = properties.end()
        begin = head
        if event.style in ("|", ">"):
            header = _BREAK.search(text, head, end)
            begin = header.end() if header else end
        if end > head:
            out.append(_Scalar(head, begin, end))
    return out
