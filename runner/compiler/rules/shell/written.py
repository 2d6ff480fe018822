"""What a shell text writes to `$RUNNER_OUTPUT`, as far as that can be told without running it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from runner.compiler.expressions.commands import Command, Word, commands
from runner.records import dataclass

FILE = "RUNNER_OUTPUT"
_LINE = re.compile(r"([A-Za-z_][\w-]*) *=")
_NAME = re.compile(r"(?:\$?[\"'])?(?:\\n)*([A-Za-z_][\w-]*) *=")
_NEXT = re.compile(r"(?:\\n|\n)([A-Za-z_][\w-]*)=")  # a further line of the same word
_OPTION = re.compile(r"-[neE]+")


@dataclass(frozen=True, slots=True)
class Written:
    """The name of an output that is written, and where that name stands in the text.

    `value` is how what `echo` writes begins, `whole` whether it is all of it: the rest is known to the shell alone.
    """

    name: str
    start: int
    end: int
    value: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Writing:
    """What a text writes. `plain` says that these are all the mentions of the file in it."""

    names: tuple[Written, ...]
    plain: bool


@lru_cache(maxsize=512)
def writing(text: str) -> Writing:
    """The outputs that a text plainly writes: `echo name=… >> "$RUNNER_OUTPUT"`, `printf`, a heredoc, `tee -a`."""
    if FILE not in text:
        return Writing((), plain=True)
    found: list[Written] = []
    understood = 0
    previous: Command | None = None
    for command in commands(text):
        source = previous if command.name == "tee" and command.piped_in else command
        if source is not None and _goes_there(command):
            names = list(_names(text, source))
            found += names
            understood += bool(names)
        previous = command
    return Writing(tuple(found), plain=understood == text.count(FILE))


def _goes_there(command: Command) -> bool:
    targets = [word for operator, word in command.redirects if operator in (">", ">>", ">|")]
    if command.name == "tee":
        targets += command.words[1:]
    return any(FILE in word.text for word in targets)


def _names(text: str, command: Command) -> Iterator[Written]:
    """The names at the beginning of what is printed: of the first word, or of each line of a heredoc."""
    for start, end, _ in command.bodies:
        at = start
        for line in text[start:end].splitlines(keepends=True):
            match = _LINE.match(line)
            if match:
                yield Written(match[1], at, at + len(match[1]))
            at += len(line)
    if command.name not in ("echo", "printf"):
        return
    words: tuple[Word, ...] = command.words[1:]
    while words and _OPTION.fullmatch(words[0].text):
        words = words[1:]
    match = _NAME.match(words[0].text) if words else None
    if match:
        further = list(_NEXT.finditer(words[0].text, match.end()))
        one_line = command.name == "echo" and not further
        said, whole = _said(words) if one_line else ("", False)
        begun = said.partition("=")[2]
        yield Written(match[1], words[0].start + match.start(1), words[0].start + match.end(1), begun, whole)
        yield from (Written(one[1], words[0].start + one.start(1), words[0].start + one.end(1)) for one in further)


def _said(words: tuple[Word, ...]) -> tuple[str, bool]:
    """What words mean to a command, up to what only the shell knows, and whether that is all of it."""
    parts = []
    for word in words:
        text, whole = _plain(word.text)
        parts.append(text)
        if not whole:
            return " ".join(parts), False
    return " ".join(parts), True


def _plain(text: str) -> tuple[str, bool]:
    """A word without its quotes, up to the first thing that the shell replaces."""
    found, quote, at = [], "", 0
    while at < len(text):
        char = text[at]
        if char == quote or (not quote and char in "'\""):
            quote = "" if quote else char
        elif quote == "'":
            found.append(char)
        elif char == "\\":
            at += 1
            kept = quote and text[at : at + 1] not in ('"', "\\", "$", "`")
            found.append(f"\\{text[at : at + 1]}" if kept else text[at : at + 1])
        elif char in "$`" or (not quote and char in "*?[{~"):
            return "".join(found), False
        else:
            found.append(char)
        at += 1
    return "".join(found), True
