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
    """The name of an output that is written, and where that name stands in the text."""

    name: str
    start: int
    end: int


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
        further = _NEXT.finditer(words[0].text, match.end())
        yield from (
            Written(one[1], words[0].start + one.start(1), words[0].start + one.end(1)) for one in (match, *further)
        )
