"""Lines and blanks: two columns for each level, lists inside their key, one blank where one is enough.

Only what stands between tokens is written anew, and the indentation of texts of several lines. Nothing is moved, and
no line is joined or broken.
"""

from __future__ import annotations

import re

from runner.compiler.document.pieces import Token, tokens
from runner.compiler.layout.gaps import between, once, read_gap
from runner.compiler.layout.levels import Level, Levels
from runner.compiler.layout.quotes import requoted

_DIGIT = re.compile(r"[|>][-+]?([1-9])")
_BLANKS = " \t"


def indented(text: str) -> str:
    """The text with its lines and blanks in order. Its line breaks are LF. Raises ValueError if it cannot be parsed."""
    writer = _Writer(text)
    for token in tokens(text):
        writer.put(token)
    return "".join(writer.out)


def comments(text: str) -> list[str]:
    """Every comment of a text, from `#` on, in order. Raises ValueError if it cannot be parsed."""
    found: list[str] = []
    at = 0
    for token in tokens(text):
        if text.find("#", at, token.start) >= 0:
            found += read_gap("\n" + text[at : token.start] + "\n").comments
        header, mark, comment = text[token.start : token.end].partition("\n")[0].partition(" #")
        if token.style in ("|", ">") and header and mark:
            found.append("#" + comment)
        at = max(at, token.end)
    return found


def lonely_comments(text: str) -> dict[int, int]:
    """The comments on lines of their own: the column of each, by where its line begins. Raises as `comments`."""
    found: dict[int, int] = {}
    at = 0
    for token in tokens(text):
        line = at if text[at - 1 : at] == "\n" else text.find("\n", at, token.start) + 1 or token.start
        while line < token.start:
            end = text.find("\n", line, token.start) + 1 or token.start
            written = text[line:end]
            if written.strip():
                found[line] = len(written) - len(written.lstrip())
            line = end
        at = max(at, token.end)
    return found


class _Writer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.out: list[str] = []
        self.levels = Levels()
        self.before: Token | None = None  # the last token that was written
        self.at = 0  # how much of the text is written
        self.unended = False  # whether a line break at the end would belong to a text

    def put(self, token: Token) -> None:
        """Write a token, if it can be seen, and what stands before it."""
        self.levels.read(token)
        if token.kind == "StreamEnd":
            self._end(token)
        elif token.end > token.start:
            self._visible(token)

    def _visible(self, token: Token) -> None:
        gap = self.text[self.at : token.start]
        first = self.before is None or "\n" in gap
        if self.before is None or first:
            self._lines(gap, token)
            self.levels.line = self.levels.column(token)
            self.out.append(" " * self.levels.line)
        else:
            self.out.append(between(self.before.kind, token.kind))
        self.at = token.end
        self.out.append(self._written(token))
        self.levels.wrote(token, first=first)
        self.before = token

    def _lines(self, written: str, token: Token) -> None:
        """End the line, and write those of the gap."""
        gap = read_gap(written if self.before else "\n" + written)
        columns = (self.levels.comment_column(old, token) if text else 0 for old, text in gap.lines)
        lines = once([" " * column + text for column, (_, text) in zip(columns, gap.lines, strict=True)])
        if self.before is None:
            self.out += [line + "\n" for line in (lines[1:] if lines[:1] == [""] else lines)]
        else:
            self.out.append("\n".join([gap.tail, *lines]) + "\n")

    def _end(self, token: Token) -> None:
        rest = self.text[self.at :]
        if self.unended or not (self.before or rest.strip()):
            return
        self._lines(rest.rstrip() + "\n", token)

    # -- texts

    def _written(self, token: Token) -> str:
        raw = self.text[token.start : token.end]
        if token.style in ("|", ">"):
            return self._block(raw)
        if "\n" in raw:
            return self._folded(raw)
        return requoted(raw) if token.style else raw

    def _folded(self, raw: str) -> str:
        """A text of several lines, with quotes or without: blanks at the beginning of a line mean nothing."""
        first, *rest = raw.split("\n")
        blanks = " " * self.levels.top.inside
        return "\n".join([first, *(blanks + line.lstrip(_BLANKS) if line.strip(_BLANKS) else "" for line in rest)])

    def _block(self, raw: str) -> str:
        """A block text: all of its lines move together, and what is behind them belongs to the gap."""
        header, *lines = raw.split("\n")
        old, new = _columns(header, lines, self.levels.top)
        keeps = "+" in header.partition(" ")[0]
        self.unended = not raw.endswith("\n")
        if not self.unended:
            lines.pop()
            self.at -= 1
        while lines and not keeps and not lines[-1].strip(" ") and len(lines[-1]) <= old:
            self.at -= len(lines.pop()) + 1
            self.unended = False
        moved = [" " * new + line[old:] if len(line) > old else "" for line in lines]
        return "\n".join([header.rstrip(), *moved])


def _columns(header: str, lines: list[str], level: Level) -> tuple[int, int]:
    """Where the lines of a block text begin, as written and as they will."""
    digit = _DIGIT.match(header)
    if digit:
        return max(level.old, 0) + int(digit[1]), (level.new if level.kind != "root" else 0) + int(digit[1])
    old = next((len(line) - len(line.lstrip(" ")) for line in lines if line.strip(" ")), 0)
    if not old and level.kind != "root":
        return max((len(line) for line in lines), default=0), level.inside
    return old, old if level.kind == "root" else level.inside
