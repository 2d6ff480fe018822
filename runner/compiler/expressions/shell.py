"""Expressions in a `run` text become environment variables, quoted as their place in the shell text asks.

`echo ${{ e }}` → `echo "${RUNNER_EXPR_0}"`; inside double quotes or an unquoted heredoc → `${RUNNER_EXPR_0}`. A value
never becomes shell text. Inside single quotes a variable means nothing: that is a `Problem`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from runner.compiler.expressions.scan import CLOSE, OPEN, pieces

PREFIX = "RUNNER_EXPR_"
Trouble = Literal["single-quotes", "quoted-heredoc"]
_HEREDOC = re.compile(r"<<(?P<dash>-?)[ \t]*(?P<word>(?:'[^'\n]*'|\"[^\"\n]*\"|\\.|[^\s'\"\\<>|&;()$`])+)")
_ARITHMETIC = ("((", "(+")
_NO_COMMAND = (*_ARITHMETIC, "{", '{"')  # where no comment, heredoc or arithmetic command begins
_DEEPEST = 20  # heredocs in substitutions in heredocs; a deeper one is taken for quoted
_QUOTING = re.compile(r"['\"\\]")
_LONGEST_ARITHMETIC = 200  # characters looked through for the end of a `((`


@dataclass(frozen=True, slots=True)
class Problem:
    """An expression that cannot be passed: its offset in the text, and why."""

    start: int
    expression: str
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class ShellText:
    """The shell text without expressions, the CEL behind each variable, and what could not be passed.

    `inert` are the offsets of expressions that mean nothing: in comments, and behind a backslash. `arithmetic` are
    the offsets of those inside `(( ))`: what stands there, the shell evaluates, so it must be a number.
    """

    command: str
    expressions: Mapping[str, str]
    problems: tuple[Problem, ...] = ()
    inert: frozenset[int] = frozenset()
    arithmetic: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Reader:
    """A walk over shell text. `modes` is the stack of nested contexts:

    plain, `(` (a subshell), `` ` ``, `"`, `{"`/`{` (a `${…}` inside or outside double quotes), `((` arithmetic
    and `(+` a parenthesis in it, `<<` the body of a heredoc whose end word is not quoted.
    """

    text: str
    expressions: dict[int, tuple[str, int]]
    starts: list[int]
    modes: list[str] = field(default_factory=lambda: ["plain"])
    at: int = 0
    out: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    inert: set[int] = field(default_factory=set)
    arithmetic: set[int] = field(default_factory=set)
    heredocs: list[tuple[str, bool, bool]] = field(default_factory=list)

    def read(self) -> ShellText:
        self.walk(len(self.text))
        expressions = {name: cel for cel, name in self.names.items()}
        sets = frozenset(self.inert), frozenset(self.arithmetic)
        return ShellText("".join(self.out), expressions, tuple(self.problems), *sets)

    def walk(self, end: int) -> None:
        while self.at < end:
            if self.at in self.expressions:
                self.put()
            elif self.modes[-1] in ('"', "<<"):
                self.double()
            else:
                self.plain()

    def take(self, count: int = 1) -> None:
        self.out.append(self.text[self.at : self.at + count])
        self.at += count

    def put(self) -> None:
        cel, end = self.expressions[self.at]
        nearest = next((mode for mode in reversed(self.modes) if mode in (*_ARITHMETIC, "(", "`")), "")
        if nearest in _ARITHMETIC:
            self.arithmetic.add(self.at)
        name = self.names.setdefault(cel, f"{PREFIX}{len(self.names)}")
        bare = self.modes[-1] in ('"', '{"', "<<", *_ARITHMETIC)
        self.out.append(f"${{{name}}}" if bare else f'"${{{name}}}"')
        self.at = end

    def escape(self) -> None:
        """A backslash and what it protects; an expression behind one is text."""
        if self.at + 1 in self.expressions:
            self.inert.add(self.at + 1)
        self.take(2)

    def until(self, end: int, trouble: Trouble | None = None) -> None:
        """Copy up to `end`; expressions on the way stay as they are, and are problems where `trouble` says so."""
        if trouble:
            self.problems += [Problem(start, self.expressions[start][0], trouble) for start in self.ahead(end)]
        self.take(end - self.at)

    def ahead(self, end: int) -> list[int]:
        """The expressions from here to `end`."""
        return self.starts[bisect_left(self.starts, self.at) : bisect_left(self.starts, end)]

    def opens(self) -> bool:
        """`$((`, `$(`, `${`, `` ` ``: what nests in plain text and inside double quotes alike."""
        inside = self.modes[-1] in ('"', '{"', "<<")
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
        elif self.text[self.at] == '"' and self.modes[-1] == '"':
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
            mark = "((" if self.computes() else char
            if char == "(" and self.modes[-1] != "{":
                self.modes.append("(+" if self.modes[-1] in _ARITHMETIC else mark)
            self.take(len(mark))

    def computes(self) -> bool:
        """Whether a `((` here is arithmetic and not two subshells: both parentheses close together."""
        if not self.text.startswith("((", self.at) or self.modes[-1] in _NO_COMMAND:
            return False
        depth = 0
        for at in range(self.at, min(len(self.text), self.at + _LONGEST_ARITHMETIC)):
            depth += {"(": 1, ")": -1}.get(self.text[at], 0)
            if depth == 1 and self.text[at] == ")":
                return self.text.startswith("))", at)
        return False

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
        elif (mode in ("(", "(+") and char == ")") or (mode in ("{", '{"') and char == "}"):
            self.modes.pop()
            self.take()
        else:
            return False
        return True

    def comment(self) -> bool:
        starts = self.at == 0 or self.text[self.at - 1] in " \t\n;&|("
        if self.text[self.at] != "#" or not starts or self.modes[-1] in _NO_COMMAND:
            return False
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        self.inert.update(self.ahead(end))
        self.until(end)
        return True

    def heredoc(self) -> bool:
        if self.modes[-1] in _NO_COMMAND or not self.text.startswith("<<", self.at):
            return False
        if self.text.startswith("<<<", self.at):
            self.take(3)
            return True
        match = _HEREDOC.match(self.text, self.at)
        if match is None:
            return False
        word = match["word"]
        self.heredocs.append((_QUOTING.sub("", word), bool(_QUOTING.search(word)), bool(match["dash"])))
        self.until(match.end(), "quoted-heredoc")
        return True

    def bodies(self) -> None:
        """The bodies of the heredocs opened on the line that ends here."""
        self.take()
        heredocs, self.heredocs = self.heredocs, []
        for word, quoted, dash in heredocs:
            end = self.end_of_body(word, dash=dash)
            if quoted or self.modes.count("<<") >= _DEEPEST:
                self.until(end, "quoted-heredoc")
                continue
            depth = len(self.modes)
            self.modes.append("<<")
            self.walk(end)
            del self.modes[depth:]

    def end_of_body(self, word: str, *, dash: bool) -> int:
        at, ended = self.at, False
        while at < len(self.text) and not ended:
            end = self.text.find("\n", at)
            end = len(self.text) if end < 0 else end + 1
            line = self.text[at:end].rstrip("\n")
            ended = (line.lstrip("\t") if dash else line) == word
            at = end
        return at


@lru_cache(maxsize=1024)
def rewrite(text: str) -> ShellText:
    """Replace every closed `${{ e }}` of a `run` text. Equal expressions share a variable; comments are left alone."""
    expressions = {
        piece.start - len(OPEN): (piece.text.strip(), piece.start + len(piece.text) + len(CLOSE))
        for piece in pieces(text)
        if piece.is_expression and piece.closed
    }
    return _Reader(text, expressions, list(expressions)).read() if expressions else ShellText(text, {})
