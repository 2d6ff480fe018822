"""Expressions in a `run` text become environment variables, quoted as their place in the shell text asks.

`echo ${{ e }}` → `echo "${RUNNER_EXPR_0}"`; inside double quotes or an unquoted heredoc → `${RUNNER_EXPR_0}`. A value
never becomes shell text. Inside single quotes a variable means nothing: that is a `Problem`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from runner.compiler.expressions.scan import CLOSE, OPEN, pieces

PREFIX = "RUNNER_EXPR_"
Trouble = Literal["single-quotes", "quoted-heredoc"]
_HEREDOC = re.compile(r"<<(?P<dash>-?)[ \t]*(?P<word>'[^'\n]*'|\"[^\"\n]*\"|\\?[^\s'\"<>|&;()$`]+)")


@dataclass(frozen=True, slots=True)
class Problem:
    """An expression that cannot be passed: its offset in the text, and why."""

    start: int
    expression: str
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class ShellText:
    """The shell text without expressions, the CEL behind each variable, and what could not be passed.

    `inert` are the offsets of expressions that mean nothing: in comments, and behind a backslash.
    """

    command: str
    expressions: Mapping[str, str]
    problems: tuple[Problem, ...] = ()
    inert: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Reader:
    """A walk over shell text. `modes` is the stack of nested contexts:

    plain, `(` (a subshell), `` ` ``, `"`, `{"`/`{` (a `${…}` inside or outside double quotes), `((` arithmetic.
    """

    text: str
    expressions: dict[int, tuple[str, int]]
    modes: list[str] = field(default_factory=lambda: ["plain"])
    at: int = 0
    out: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    inert: set[int] = field(default_factory=set)
    heredocs: list[tuple[str, bool, bool]] = field(default_factory=list)

    def read(self) -> ShellText:
        while self.at < len(self.text):
            if self.at in self.expressions:
                self.put(bare=self.modes[-1] in ('"', '{"', "(("))
            elif self.modes[-1] == '"':
                self.double()
            else:
                self.plain()
        expressions = {name: cel for cel, name in self.names.items()}
        return ShellText("".join(self.out), expressions, tuple(self.problems), frozenset(self.inert))

    def take(self, count: int = 1) -> None:
        self.out.append(self.text[self.at : self.at + count])
        self.at += count

    def put(self, *, bare: bool) -> None:
        cel, end = self.expressions[self.at]
        name = self.names.setdefault(cel, f"{PREFIX}{len(self.names)}")
        self.out.append(f"${{{name}}}" if bare else f'"${{{name}}}"')
        self.at = end

    def escape(self) -> None:
        """A backslash and what it protects; an expression behind one is text."""
        if self.at + 1 in self.expressions:
            self.inert.add(self.at + 1)
        self.take(2)

    def until(self, end: int, trouble: Trouble | None = None) -> None:
        """Copy up to `end`; expressions on the way stay as they are, and are problems where `trouble` says so."""
        for start, (cel, _) in self.expressions.items():
            if trouble and self.at <= start < end:
                self.problems.append(Problem(start, cel, trouble))
        self.take(end - self.at)

    def opens(self) -> bool:
        """`$((`, `$(`, `${`, `` ` ``: what nests in plain text and inside double quotes alike."""
        inside = self.modes[-1] in ('"', '{"')
        for mark, mode in (("$((", "(("), ("$(", "("), ("${", '{"' if inside else "{")):
            if self.text.startswith(mark, self.at):
                self.modes.append(mode)
                self.take(len(mark))
                return True
        if self.text[self.at] == "`":
            if "`" in self.modes:
                while self.modes.pop() != "`":
                    pass
            else:
                self.modes.append("`")
            self.take()
            return True
        return False

    def double(self) -> None:
        if self.text[self.at] == "\\":
            self.escape()
        elif self.text[self.at] == '"':
            self.modes.pop()
            self.take()
        elif not self.opens():
            self.take()

    def plain(self) -> None:
        char = self.text[self.at]
        if char == "\\":
            self.escape()
        elif char == "'" and self.modes[-1] != '{"':
            self.single()
        elif char == "$" and self.text.startswith("$'", self.at):
            self.ansi()
        elif char == '"':
            self.modes.append('"')
            self.take()
        elif self.opens() or self.closes() or self.heredoc() or self.comment():
            pass
        elif char == "\n" and self.heredocs:
            self.bodies()
        else:
            if char == "(" and self.modes[-1] != "{":
                self.modes.append("(")
            self.take()

    def single(self) -> None:
        end = self.text.find("'", self.at + 1)
        self.until(len(self.text) if end < 0 else end + 1, "single-quotes")

    def ansi(self) -> None:
        end = re.compile(r"\$'(?:\\.|[^'\\])*'?", re.DOTALL).match(self.text, self.at)
        self.until(end.end() if end else self.at + 2, "single-quotes")

    def closes(self) -> bool:
        mode, char = self.modes[-1], self.text[self.at]
        if mode == "((" and self.text.startswith("))", self.at):
            self.modes.pop()
            self.take(2)
        elif (mode == "(" and char == ")") or (mode in ("{", '{"') and char == "}"):
            self.modes.pop()
            self.take()
        else:
            return False
        return True

    def comment(self) -> bool:
        starts = self.at == 0 or self.text[self.at - 1] in " \t\n;&|("
        if self.text[self.at] != "#" or not starts or self.modes[-1] in ("((", "{", '{"'):
            return False
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        self.inert |= {start for start in self.expressions if self.at <= start < end}
        self.until(end)
        return True

    def heredoc(self) -> bool:
        if self.modes[-1] in ("((", "{", '{"') or not self.text.startswith("<<", self.at):
            return False
        if self.text.startswith("<<<", self.at):
            self.take(3)
            return True
        match = _HEREDOC.match(self.text, self.at)
        if match is None:
            return False
        word = match["word"]
        self.heredocs.append((word.strip("'\"\\"), word[0] in "'\"\\", bool(match["dash"])))
        self.until(match.end(), "quoted-heredoc")
        return True

    def bodies(self) -> None:
        """The bodies of the heredocs opened on the line that ends here."""
        self.take()
        for word, quoted, dash in self.heredocs:
            ended = False
            while self.at < len(self.text) and not ended:
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end + 1
                line = self.text[self.at : end].rstrip("\n")
                ended = (line.lstrip("\t") if dash else line) == word
                self.body_line(end, quoted=quoted)
        self.heredocs.clear()

    def body_line(self, end: int, *, quoted: bool) -> None:
        if quoted:
            self.until(end, "quoted-heredoc")
        while self.at < end:
            if self.at in self.expressions:
                self.put(bare=True)
            elif self.text[self.at] == "\\":
                self.escape()
            else:
                self.take()


@lru_cache(maxsize=1024)
def rewrite(text: str) -> ShellText:
    """Replace every closed `${{ e }}` of a `run` text. Equal expressions share a variable; comments are left alone."""
    expressions = {
        piece.start - len(OPEN): (piece.text.strip(), piece.start + len(piece.text) + len(CLOSE))
        for piece in pieces(text)
        if piece.is_expression and piece.closed
    }
    return _Reader(text, expressions).read() if expressions else ShellText(text, {})
