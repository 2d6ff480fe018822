"""The simple commands of a shell text, with the place of each word: what the rules about shell texts look at.

A reader, not a shell: it never fails, and of a text that no shell would take it makes what it can. `${{ }}` counts as
part of a word. Commands inside `$( )`, backquotes and `<( )` are listed too, with their depth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import field
from functools import lru_cache

from runner.compiler.expressions.scan import CLOSE, OPEN, pieces
from runner.records import dataclass

_DEEPEST = 12  # substitutions in substitutions that are looked into
_REDIRECT = re.compile(r"(?:\d*|&)(?:<<<|<<-?|<>|<&|>>|>\||>&|<|>)")
_RESERVED = frozenset(
    {"if", "then", "elif", "else", "while", "until", "do", "!", "{", "time", "fi", "done", "esac", "}"}
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*(?:\[[^\]]*\])?\+?=")
_STATIC = re.compile(r"[^\\'\"$`*?\[~]*")
_BREAKS = frozenset(" \t\r\n;&|<>()")
_NESTING = re.compile(r"[\\'\"`(){}]")
_PLAIN = re.compile(r"[^\s;&|<>()\\'\"$`]+")
_PLAIN_IN_QUOTES = re.compile(r"[^\"\\$`]+")


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it is written, quotes and all, and its offsets in the text."""

    text: str
    start: int
    end: int

    @property
    def value(self) -> str:
        """What the word means where that can be told without running it; "" otherwise."""
        if _STATIC.fullmatch(self.text):
            return self.text
        inner = self.text[1:-1]
        quoted = len(self.text) > 1 and self.text[0] == self.text[-1]
        if quoted and self.text[0] == "'" and "'" not in inner:
            return inner
        return inner if quoted and self.text[0] == '"' and not set('\\"$`').intersection(inner) else ""


@dataclass(frozen=True, slots=True)
class Command:
    """A simple command: its words, the assignments before them, its redirections, the bodies of its heredocs (offsets,
    and whether nothing in them is replaced), whether its input and output are pipes, and how deep in substitutions.
    """

    words: tuple[Word, ...]
    assigned: tuple[Word, ...] = ()
    redirects: tuple[tuple[str, Word], ...] = ()
    bodies: tuple[tuple[int, int, bool], ...] = ()
    piped_in: bool = False
    piped_out: bool = False
    depth: int = 0

    @property
    def name(self) -> str:
        """The name of the program, without its folder; "" where it cannot be told."""
        return self.words[0].value.rpartition("/")[2] if self.words else ""


@dataclass(slots=True)
class _Open:
    """A command that is being read. `heredocs` are those whose body has not come yet: end word, quoted, with dash."""

    words: list[Word] = field(default_factory=list)
    assigned: list[Word] = field(default_factory=list)
    redirects: list[tuple[str, Word]] = field(default_factory=list)
    bodies: list[tuple[int, int, bool]] = field(default_factory=list)
    heredocs: list[tuple[str, bool, bool]] = field(default_factory=list)
    piped_in: bool = False
    piped_out: bool = False

    def closed(self, depth: int) -> Command:
        parts = tuple(self.words), tuple(self.assigned), tuple(self.redirects), tuple(self.bodies)
        return Command(*parts, self.piped_in, self.piped_out, depth)


class _Reader:
    """Reads one text, or one substitution in it, into commands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.inner: list[tuple[int, int, int]] = [(0, len(text), 0)]
        self.depth = 0
        self.open = 0  # round brackets

    def read(self) -> Iterator[Command]:
        while self.inner:
            start, end, self.depth = self.inner.pop()
            yield from self.commands(start, end)

    def commands(self, at: int, end: int) -> Iterator[Command]:
        """The commands between two offsets, each when its line with the heredocs is read."""
        line: list[_Open] = [_Open()]
        self.open = 0
        while at < end:
            char = self.text[at]
            if char in " \t\r":
                at += 1
            elif self.text.startswith("\\\n", at):
                at += 2
            elif char == "#":
                at = self.line_end(at, end)
            elif char == "\n":
                at = self.bodies(line, at + 1, end)
                yield from self.finished(line)
                line = [_Open()]
            elif char in ";&|()<>" and _tests(line[-1]):  # `[[ a && b < c ]]` is one command
                at += 1
            elif char in ";&|()" and not self.text.startswith("&>", at):
                at = self.separated(line, at)
            else:
                at = self.part(line[-1], at, end)
        yield from self.finished(line)

    def finished(self, line: list[_Open]) -> Iterator[Command]:
        for one in line:
            if one.words or one.assigned or one.redirects:
                yield one.closed(self.depth)

    def separated(self, line: list[_Open], at: int) -> int:
        self.open += (self.text[at] == "(") - (self.text[at] == ")")
        if self.open < 0:  # nothing was opened: the end of a pattern of `case`, which is no command
            self.open = 0
            while line.pop().piped_in and line:
                pass
            line.append(_Open())
            return at + 1
        pipe = self.text[at] == "|" and not self.text.startswith("||", at)
        line[-1].piped_out = pipe
        line.append(_Open(piped_in=pipe))
        double = self.text[at : at + 2] in ("&&", "||", ";;", "|&")
        return at + (2 if double else 1)

    def part(self, one: _Open, at: int, end: int) -> int:
        """A redirection or a word."""
        redirect = _REDIRECT.match(self.text, at) if self.text[at] in "0123456789&<>" else None
        if redirect and not self.text.startswith(("<(", ">("), at):
            start = redirect.end()
            while start < end and self.text[start] in " \t":
                start += 1
            word = self.word(start, end)
            operator = redirect[0].lstrip("0123456789")
            one.redirects.append((operator, word))
            if operator in ("<<", "<<-"):
                plain = re.sub(r"['\"\\]", "", word.text)
                one.heredocs.append((plain, plain != word.text, operator == "<<-"))
            return max(word.end, redirect.end())
        word = self.word(at, end)
        if not one.words and _ASSIGNMENT.match(word.text):
            one.assigned.append(word)
            if word.text.endswith("=") and self.text.startswith("(", word.end):  # an array
                return self.closing(word.end + 1, end, ")")
        elif one.words or word.text not in _RESERVED:
            one.words.append(word)
        return max(word.end, at + 1)

    def line_end(self, at: int, end: int) -> int:
        found = self.text.find("\n", at, end)
        return end if found < 0 else found

    def bodies(self, line: list[_Open], at: int, end: int) -> int:
        for one in line:
            for word, quoted, dash in one.heredocs:
                start = at
                while at < end:
                    stop = self.line_end(at, end)
                    content = self.text[at:stop]
                    if (content.lstrip("\t") if dash else content) == word:
                        break
                    at = stop + 1
                one.bodies.append((start, min(at, end), quoted))
                at = min(self.line_end(at, end) + 1, end) if at < end else end
        return at

    # ------------------------------------------------------------ words

    def word(self, at: int, end: int) -> Word:
        start = at
        while at < end and (self.text[at] not in _BREAKS or (at == start and self.text.startswith(("<(", ">("), at))):
            plain = _PLAIN.match(self.text, at, end)
            at = plain.end() if plain else self.piece(at, end)
        return Word(self.text[start:at], start, at)

    def piece(self, at: int, end: int) -> int:
        """One character of a word, or what belongs together: a quote, a substitution."""
        char = self.text[at]
        if char == "\\":
            return min(at + 2, end)
        if char == "'":
            found = self.text.find("'", at + 1, end)
            return end if found < 0 else found + 1
        if char == '"':
            at += 1
            while at < end and self.text[at] != '"':
                at = self.quoted(at, end)
            return min(at + 1, end)
        return self.nested(at, end)

    def quoted(self, at: int, end: int) -> int:
        """Past what belongs together inside double quotes."""
        plain = _PLAIN_IN_QUOTES.match(self.text, at, end)
        if plain:
            return plain.end()
        return min(at + 2, end) if self.text[at] == "\\" else self.nested(at, end)

    def nested(self, at: int, end: int) -> int:
        """Past a substitution that begins here, whose commands are read later; past one character otherwise."""
        if self.text.startswith(("$((", "${"), at):
            return self.closing(at + 3, end, "))") if self.text[at + 1] == "(" else self.closing(at + 2, end, "}")
        if self.text.startswith(("$(", "<(", ">("), at):
            stop = self.closing(at + 2, end, ")")
            self.later(at + 2, stop - 1)
            return stop
        if self.text[at] == "`":
            stop = at + 1
            while stop < end and self.text[stop] != "`":
                stop += 2 if self.text[stop] == "\\" else 1
            self.later(at + 1, min(stop, end))
            return min(stop + 1, end)
        return at + 1

    def later(self, start: int, end: int) -> None:
        if self.depth < _DEEPEST and start < end:
            self.inner.append((start, end, self.depth + 1))

    def closing(self, at: int, end: int, mark: str) -> int:
        """Past the mark that closes what was opened, over quotes and pairs of the same kind."""
        depth, opening = 0, "(" if mark[0] == ")" else "{"
        while (found := _NESTING.search(self.text, at, end)) is not None:
            at, char = found.start(), found[0]
            if depth == 0 and self.text.startswith(mark, at):
                return at + len(mark)
            if char in "\\'\"`":
                at = self.skipped(at, end)
                continue
            depth = max(depth + (char == opening) - (char == mark[0]), 0)
            at += 1
        return end

    def skipped(self, at: int, end: int) -> int:
        """Past a quote or an escaped character, without looking into it."""
        char = self.text[at]
        if char == "\\":
            return min(at + 2, end)
        at += 1
        while at < end and self.text[at] != char:
            at += 2 if self.text[at] == "\\" and char != "'" else 1
        return min(at + 1, end)


def _tests(one: _Open) -> bool:
    return bool(one.words) and one.words[0].text == "[[" and one.words[-1].text != "]]"


def uses_of(names: Iterable[str]) -> re.Pattern[str]:
    """A use of the value of one of these variables, `$NAME` or `${NAME…}`; the last group that matched is its name.

    `${NAME:+text}` gives another text, `${#NAME}` a number.
    """
    known = "|".join(map(re.escape, names))
    return re.compile(rf"\$(?:\{{({known})(?!\w)(?!:?\+)[^}}]*\}}|({known})(?!\w))")


def masked(text: str) -> str:
    """The text with each closed expression as one variable of the same length: `${{ a.b }}` → `${EEEEEEEE}`."""
    if OPEN not in text:
        return text
    out, at = [], 0
    for piece in pieces(text):
        if piece.is_expression and piece.closed:
            start, end = piece.start - len(OPEN), piece.start + len(piece.text) + len(CLOSE)
            out += [text[at:start], "${", "E" * (end - start - 3), "}"]
            at = end
    return "".join([*out, text[at:]])


@lru_cache(maxsize=512)
def commands(text: str) -> tuple[Command, ...]:
    """The simple commands of a shell text, in the order of their place; equal offsets cannot be."""
    found = _Reader(masked(text)).read()
    return tuple(sorted(found, key=_place))


def _place(command: Command) -> int:
    first = [*command.assigned, *command.words, *(word for _, word in command.redirects)]
    return min(word.start for word in first)
