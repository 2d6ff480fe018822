"""Expressions in a `run` text become environment variables, quoted as their place in the shell text asks.

`echo ${{ e }}` → `echo "${RUNNER_EXPR_0}"`; inside double quotes or an unquoted heredoc → `${RUNNER_EXPR_0}`. A value
never becomes shell text. Inside single quotes a variable means nothing: that is a `Problem`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import field
from functools import cache, lru_cache
from typing import Literal

from runner.compiler.expressions.scan import CLOSE, OPEN, pieces
from runner.records import dataclass

PREFIX = "RUNNER_EXPR_"
Trouble = Literal["single-quotes", "quoted-heredoc"]
_HEREDOC = re.compile(r"<<(?P<dash>-?)[ \t]*(?P<word>(?:'[^'\n]*'|\"[^\"\n]*\"|\\.|[^\s'\"\\<>|&;()$`])+)")
_ARITHMETIC = ("((", "(+")
_NO_COMMAND = (*_ARITHMETIC, "{", '{"')  # where no comment, heredoc or arithmetic command begins
_DEEPEST = 20  # heredocs in substitutions in heredocs, parentheses of arithmetic; what is deeper is not looked into
_QUOTING = re.compile(r"['\"\\]")
#: What may mean something outside double quotes, and inside them; the words `case` and `esac` do at a command's place.
_SPECIAL = re.compile(r"[\\'\"$`(){}<#\n]|(?<![\w$./-])(?:case|esac)(?!\w)")
_SPECIAL_IN_QUOTES = re.compile(r'[\\"$`]')
_BEFORE = 80  # characters looked at to see where a command begins
_ANSI = re.compile(r"\$'(?:\\.|[^'\\])*", re.DOTALL)
_LONGEST_ARITHMETIC = 200  # characters looked through for the end of a `((`


@dataclass(frozen=True, slots=True)
class Problem:
    """An expression that cannot be passed: its offset in the text, and why."""

    start: int
    expression: str
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Unclosed:
    """A quote or bracket that nothing closes, or a heredoc without its end word: its offset, and what it is."""

    start: int
    mark: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """A stretch of the new text that stands for an expression: offsets there, and in the text as written."""

    start: int
    end: int
    source_start: int
    source_end: int


@dataclass(frozen=True, slots=True)
class ShellText:
    """The shell text without expressions, the CEL behind each variable, and what could not be passed.

    `inert` are the offsets of expressions that mean nothing: in comments, and behind a backslash. `arithmetic` are
    the offsets of those inside `(( ))`: what stands there, the shell evaluates, so it must be a number. `replaced`
    says where each expression went, in order; `unclosed` what the text leaves open.
    """

    command: str
    expressions: Mapping[str, str]
    problems: tuple[Problem, ...] = ()
    inert: frozenset[int] = frozenset()
    arithmetic: frozenset[int] = frozenset()
    replaced: tuple[Replaced, ...] = ()
    unclosed: tuple[Unclosed, ...] = ()

    def source(self, offset: int, *, end: bool = False) -> int:
        """The offset in the text as written of an offset in `command`; inside an expression, its start or end."""
        moved = 0
        for one in self.replaced:
            if offset <= one.start:
                break
            if offset < one.end:
                return one.source_end if end else one.source_start
            moved = one.source_end - one.end
        return offset + moved


@dataclass(frozen=True, slots=True)
class _Heredoc:
    """A heredoc whose body has not begun: its end word, whether that is quoted, `<<-`, and where it stands."""

    word: str
    quoted: bool
    dash: bool
    start: int


@cache
def _case() -> re.Pattern[str]:
    """`case WORD in`: what its `)` mean differs from everywhere else."""
    word = r"(?:\$\{\{.{0,2000}?\}\}|\$\([^()]{0,2000}\)|\"[^\"]{0,2000}\"|'[^'\n]*'|\\.|[^\s\"'\\])++"
    return re.compile(rf"case\s+{word}\s+in(?!\w)", re.DOTALL)


@cache
def _command_begins() -> re.Pattern[str]:
    """What stands before the first word of a command."""
    return re.compile(r"(?:^|[;&|(){}\n`]|(?<![\w$-])(?:then|do|else|elif|if|while|until|in|fi|done|esac|!))\s*$")


@cache
def _calm() -> re.Pattern[str]:
    """Text in which nothing can be left open: words, variables, complete quotes."""
    return re.compile(r"""(?:[^'"`$\\(){}<\#]++|'[^']*+'|"(?:[^"$`\\]++|\$\w|\\.)*+"|\$\w|\\.)*+""", re.DOTALL)


@dataclass(slots=True)
class _Reader:
    """A walk over shell text. `modes` is the stack of nested contexts:

    plain, `(` (a subshell), `` ` ``, `"`, `{"`/`{` (a `${…}` inside or outside double quotes), `((` arithmetic
    and `(+` a parenthesis in it, `<<` the body of a heredoc whose end word is not quoted, `case` a case statement.
    `opened` are the offsets at which they began. `across` is the first quote that goes over several lines. `ended` is
    where the last parenthesis closed that ends a word: a `#` right behind it begins a comment.
    """

    text: str
    expressions: dict[int, tuple[str, int]]
    starts: list[int]
    modes: list[str] = field(default_factory=lambda: ["plain"])
    opened: list[int] = field(default_factory=lambda: [0])
    at: int = 0
    length: int = 0
    replaced: list[Replaced] = field(default_factory=list)
    unclosed: list[Unclosed] = field(default_factory=list)
    across: Unclosed | None = None
    ended: int = -1
    out: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    inert: set[int] = field(default_factory=set)
    arithmetic: set[int] = field(default_factory=set)
    heredocs: list[_Heredoc] = field(default_factory=list)

    def read(self) -> ShellText:
        self.walk(len(self.text))
        expressions = {name: cel for cel, name in self.names.items()}
        sets = frozenset(self.inert), frozenset(self.arithmetic)
        self.unclosed += [Unclosed(heredoc.start, f"<<{heredoc.word}") for heredoc in self.heredocs]
        told = tuple(self.problems), *sets, tuple(self.replaced), tuple([*self.unclosed, *self.left_open()])
        return ShellText("".join(self.out), expressions, *told)

    def left_open(self) -> list[Unclosed]:
        """What is open at the end. Of quotes, the first one over several lines: there the closing one was forgotten."""
        open_ = [at for at, mode in zip(self.opened, self.modes, strict=True) if mode not in ("plain", "case")]
        if not open_:
            return []
        at = open_[-1]
        found = Unclosed(at, self.text[at : at + 2] if self.text[at] == "$" else self.text[at])
        return [self.across if self.across and self.across.mark == found.mark else found]

    def walk(self, end: int) -> None:
        while self.at < end:
            quoted = self.modes[-1] in ('"', "<<")
            special = (_SPECIAL_IN_QUOTES if quoted else _SPECIAL).search(self.text, self.at, end)
            self.take((special.start() if special else end) - self.at)
            if special is None:
                return
            if self.at in self.expressions:
                self.put()
            elif quoted:
                self.double()
            else:
                self.plain()

    def push(self, mode: str) -> None:
        self.modes.append(mode)
        self.opened.append(self.at)

    def pop(self) -> str:
        began = self.opened.pop()
        mode = self.modes.pop()
        if mode == '"' and self.across is None and "\n" in self.text[began : self.at]:
            self.across = Unclosed(began, '"')
        return mode

    def take(self, count: int = 1) -> None:
        self.give(self.text[self.at : self.at + count])
        self.at += count

    def give(self, text: str) -> None:
        self.out.append(text)
        self.length += len(text)

    def put(self) -> None:
        cel, end = self.expressions[self.at]
        nearest = next((mode for mode in reversed(self.modes) if mode in (*_ARITHMETIC, "(", "`")), "")
        if nearest in _ARITHMETIC:
            self.arithmetic.add(self.at)
        name = self.names.setdefault(cel, f"{PREFIX}{len(self.names)}")
        bare = self.modes[-1] in ('"', '{"', "<<", *_ARITHMETIC)
        began = self.length
        self.give(f"${{{name}}}" if bare else f'"${{{name}}}"')
        self.replaced.append(Replaced(began, self.length, self.at, end))
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
                self.push(mode)
                self.take(len(mark))
                return True
        if self.text[self.at] == "`":
            if "`" in self.modes:
                while self.pop() != "`":
                    pass
            else:
                self.push("`")
            self.take()
            return True
        return False

    def double(self) -> None:
        if self.text[self.at] == "\\":
            self.escape()
        elif self.text[self.at] == '"' and self.modes[-1] == '"':
            self.pop()
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
            self.push('"')
            self.take()
        elif self.opens() or self.closes() or self.heredoc() or self.comment() or self.chooses():
            pass
        elif char == "\n" and self.heredocs:
            self.bodies()
        else:
            mark = "((" if self.computes() else char
            if char == "(" and self.modes[-1] != "{":
                self.push("(+" if self.modes[-1] in _ARITHMETIC else mark)
            self.take(len(mark))
            if char == ")" and self.modes[-1] == "case":  # the end of a pattern
                self.ended = self.at

    def chooses(self) -> bool:
        """`case … in` and `esac`: between them a `)` ends a pattern and no subshell."""
        if self.modes[-1] in _NO_COMMAND or not self.text.startswith(("case", "esac"), self.at):
            return False
        if not _command_begins().search(self.text[max(0, self.at - _BEFORE) : self.at]):
            return False
        if self.text[self.at] == "c" and _case().match(self.text, self.at):
            self.push("case")
        elif self.text[self.at] == "e" and self.modes[-1] == "case":
            self.pop()
        self.take(4)
        return True

    def computes(self) -> bool:
        """Whether a `((` here is arithmetic and not two subshells: both parentheses close together."""
        if not self.text.startswith("((", self.at) or self.modes[-1] in _NO_COMMAND:
            return False
        depth = 0
        for at in range(self.at, min(len(self.text), self.at + _LONGEST_ARITHMETIC)):
            depth += {"(": 1, ")": -1}.get(self.text[at], 0)
            if depth == 1 and self.text[at] == ")":
                return self.text.startswith("))", at)
            if depth > _DEEPEST:
                return False
        return False

    def single(self) -> None:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            self.unclosed.append(self.across or Unclosed(self.at, "'"))
        elif self.across is None and "\n" in self.text[self.at : end]:
            self.across = Unclosed(self.at, "'")
        self.until(len(self.text) if end < 0 else end + 1, "single-quotes")

    def ansi(self) -> None:
        begun = _ANSI.match(self.text, self.at)
        stop = begun.end() if begun else len(self.text)
        closed = self.text.startswith("'", stop)
        if not closed:
            self.unclosed.append(Unclosed(self.at, "$'"))
        self.until(stop + closed, "single-quotes")

    def closes(self) -> bool:
        mode, char, began = self.modes[-1], self.text[self.at], self.opened[-1]
        # Not of `$(…)`, `<(…)` and `a=(…)`: these are parts of a word.
        alone = self.text[began] == "(" and self.text[began - 1 : began] not in ("<", ">", "=")
        if mode == "((" and self.text.startswith("))", self.at):
            self.pop()
            self.take(2)
        elif (mode in ("(", "(+") and char == ")") or (mode in ("{", '{"') and char == "}"):
            self.pop()
            self.take()
        else:
            return False
        self.ended = self.at if alone and mode != "(+" else self.ended
        return True

    def comment(self) -> bool:
        starts = self.at in (0, self.ended) or self.text[self.at - 1] in " \t\n;&|("
        if starts and self.at > 1 and self.text[self.at - 2] == "\\":  # what is behind a backslash ends no word
            before = self.text[: self.at - 1]
            starts = self.text[self.at - 1] == "\n" or (len(before) - len(before.rstrip("\\"))) % 2 == 0
        if self.text[self.at] != "#" or not starts or self.modes[-1] in _NO_COMMAND:
            return False
        # A backquote ends what stands in backquotes, even in a comment there.
        ends = [self.text.find(mark, self.at) for mark in ("\n`" if "`" in self.modes else "\n")]
        end = min((one for one in ends if one >= 0), default=len(self.text))
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
        self.heredocs.append(
            _Heredoc(_QUOTING.sub("", word), bool(_QUOTING.search(word)), bool(match["dash"]), self.at)
        )
        self.until(match.end(), "quoted-heredoc")
        return True

    def bodies(self) -> None:
        """The bodies of the heredocs opened on the line that ends here."""
        self.take()
        heredocs, self.heredocs = self.heredocs, []
        for heredoc in heredocs:
            end = self.end_of_body(heredoc)
            if heredoc.quoted or self.modes.count("<<") >= _DEEPEST:
                self.until(end, "quoted-heredoc")
                continue
            depth = len(self.modes)
            self.push("<<")
            self.walk(end)
            del self.modes[depth:], self.opened[depth:]

    def end_of_body(self, heredoc: _Heredoc) -> int:
        at, ended = self.at, False
        while at < len(self.text) and not ended:
            end = self.text.find("\n", at)
            end = len(self.text) if end < 0 else end + 1
            line = self.text[at:end].rstrip("\n")
            ended = (line.lstrip("\t") if heredoc.dash else line) == heredoc.word
            at = end
        if not ended:
            self.unclosed.append(Unclosed(heredoc.start, f"<<{heredoc.word}"))
        return at


def _read(text: str) -> ShellText:
    expressions = {
        piece.start - len(OPEN): (piece.text.strip(), piece.start + len(piece.text) + len(CLOSE))
        for piece in pieces(text)
        if piece.is_expression and piece.closed
    }
    return _Reader(text, expressions, list(expressions)).read()


@lru_cache(maxsize=1024)
def rewrite(text: str) -> ShellText:
    """Replace every closed `${{ e }}` of a `run` text. Equal expressions share a variable; comments are left alone."""
    return _read(text) if OPEN in text else ShellText(text, {})


@lru_cache(maxsize=1024)
def unclosed(text: str) -> tuple[Unclosed, ...]:
    """What a shell text leaves open: the shell would refuse it, or read on to its end."""
    if OPEN in text:
        return rewrite(text).unclosed if all(piece.closed for piece in pieces(text)) else ()
    return () if _calm().fullmatch(text) else _read(text).unclosed
