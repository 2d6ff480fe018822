"""Where a shell text hands a value to something that executes it: `eval`, `sh -c`, a pipe into a shell, `python -c`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from runner.compiler.expressions.commands import Command, Word, commands
from runner.records import dataclass

_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash", "fish"})
_WRAPPERS = frozenset(
    {"sudo", "doas", "env", "exec", "command", "nohup", "nice", "time", "builtin", "xargs", "timeout"}
)
#: Programs that run a text given as an argument, by the option before it.
_CODE_OPTIONS = {
    **dict.fromkeys(("python", "python2", "python3", "pypy3"), ("-c",)),
    **dict.fromkeys(("node", "nodejs", "bun", "deno"), ("-e", "-p", "--eval", "--print")),
    **dict.fromkeys(("perl", "ruby"), ("-e", "-E")),
    "php": ("-r",),
    "su": ("-c", "--command"),
    "psql": ("-c", "--command"),
    "mysql": ("-e", "--execute"),
}
_SQL = frozenset({"psql", "mysql"})
_AWKS = frozenset({"awk", "gawk", "mawk"})
_SSH_WITH_VALUE = frozenset("bcDEeFIiJLlmOopQRSWw")
_COMPARISONS = frozenset({"-eq", "-ne", "-lt", "-le", "-gt", "-ge"})
_MAY_EXECUTE = re.compile(
    r"\b(?:eval|(?:ba|da|z|k|a|fi)?sh|python[23]?|pypy3|node(?:js)?|bun|deno|perl|ruby|php|su|psql|mysql|[gm]?awk|"
    r"ssh|trap|let|source)\b|\[\[|<\("
)


@dataclass(frozen=True, slots=True)
class Sink:
    """A stretch of a shell text that is executed: its offsets, by what, and how to hand a value over instead."""

    start: int
    end: int
    by: str
    instead: str


_AS_ARGUMENT = 'hand it over as an argument: {} \'echo "$1"\' - "$VALUE"'
_AS_VARIABLE = "let the program read it from its environment or its arguments"
_NO_EVAL = "run the command itself, with the value in double quotes, without `eval`"


def sinks(text: str) -> list[Sink]:
    """Every stretch of a shell text that something executes."""
    if not _MAY_EXECUTE.search(text):
        return []
    found: list[Sink] = []
    before: Command | None = None
    for command in commands(text):
        found += _of(command)
        if command.piped_in and before is not None and reads_program(command):
            name = _unwrapped(command.words)[0].value
            found += [Sink(word.start, word.end, f"`{name}`", _AS_VARIABLE) for word in before.words[1:]]
            found += [Sink(start, end, f"`{name}`", _AS_VARIABLE) for start, end, _ in before.bodies]
        before = command
    return found


def _unwrapped(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """The words without `sudo`, `env A=b`, `timeout 5` and the like before them."""
    while words and words[0].value.rpartition("/")[2] in _WRAPPERS:
        timed = words[0].value == "timeout"
        words = words[1:]
        while words and (words[0].text.startswith("-") or "=" in words[0].text):
            words = words[1:]
        words = words[1:] if timed else words
    return words


def _of(command: Command) -> Iterator[Sink]:
    words = _unwrapped(command.words)
    if not words:
        return
    name = words[0].value.rpartition("/")[2]
    if name == "eval":
        yield from (Sink(word.start, word.end, "`eval`", _NO_EVAL) for word in words[1:])
    elif name == "trap" and len(words) > 2:
        yield Sink(words[1].start, words[1].end, "`trap`", "put the command in single quotes, with the variable in it")
    elif name == "ssh":
        yield from (
            Sink(word.start, word.end, "the shell at the other end of `ssh`", _REMOTE) for word in _remote(words)
        )
    elif words[0].text in ("[[", "let"):
        yield from _computed(words)
    elif name in _CODE_OPTIONS:
        yield from _optioned(name, words)
    elif name in _AWKS:
        program = _awk_program(words)
        if program:
            yield Sink(
                program.start, program.end, f"`{name}`", "hand it over with -v: awk -v x=\"$VALUE\" '{ print x }'"
            )
    yield from _printed(name, words)
    yield from _shells(words)
    if reads_program(command) or name == "ssh":
        by = f"`{name}`" if name != "ssh" else "the shell at the other end of `ssh`"
        yield from (Sink(start, end, by, _AS_VARIABLE) for start, end, quoted in command.bodies if not quoted)
        texts = (word for operator, word in command.redirects if operator == "<<<")
        yield from (Sink(word.start, word.end, by, _AS_VARIABLE) for word in texts)


_REMOTE = "quote it once more for the other end: ${VALUE@Q}; or send it through standard input"


def _printed(name: str, words: tuple[Word, ...]) -> Iterator[Sink]:
    """`source <(…)`, `bash <(…)`: the program is what a command prints."""
    if name in ("source", ".", *_SHELLS):
        yield from (Sink(word.start, word.end, f"`{name}`", _AS_VARIABLE) for word in words[1:] if word.text[0] == "<")


def _shells(words: tuple[Word, ...]) -> Iterator[Sink]:
    """`sh -c TEXT` anywhere among the words: `docker exec box sh -c TEXT`, `xargs sh -c TEXT`."""
    for number, word in enumerate(words[:-2]):
        name = word.value.rpartition("/")[2]
        if name not in _SHELLS:
            continue
        for after in range(number + 1, len(words) - 1):
            option = words[after].text
            if not option.startswith(("-", "+")):
                break
            if re.fullmatch(r"-[a-z]*c", option):
                text = words[after + 1]
                yield Sink(text.start, text.end, f"`{name} -c`", _AS_ARGUMENT.format(f"{name} -c"))
                break


def _optioned(name: str, words: tuple[Word, ...]) -> Iterator[Sink]:
    for option, word in pairwise(words[1:]):
        if option.text in _CODE_OPTIONS[name]:
            instead = "hand it over as a parameter of the query" if name in _SQL else _AS_VARIABLE
            yield Sink(word.start, word.end, f"`{name} {option.text}`", instead)


def _awk_program(words: tuple[Word, ...]) -> Word | None:
    at = 1
    while at < len(words) and words[at].text.startswith("-"):
        if words[at].text == "-f":  # the program is in a file
            return None
        at += 2 if words[at].text in ("-v", "-F") else 1
    return words[at] if at < len(words) else None


def _remote(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """The words behind the host: `ssh` joins them, and the shell over there reads them anew."""
    at = 1
    while at < len(words) and words[at].text.startswith("-"):
        at += 2 if words[at].text[1:] in _SSH_WITH_VALUE else 1
    return words[at + 1 :]


def _computed(words: tuple[Word, ...]) -> Iterator[Sink]:
    """Operands that bash computes with: a text such as `a[$(reboot)]` is executed there."""
    instead = "compare in a condition of the step (`if`), or with `[ … ]`, which takes numbers only"
    if words[0].text == "let":
        yield from (Sink(word.start, word.end, "shell arithmetic", instead) for word in words[1:])
    for left, operator, right in zip(words, words[1:], words[2:], strict=False):
        if operator.text in _COMPARISONS and words[0].text == "[[":
            yield from (Sink(word.start, word.end, "shell arithmetic", instead) for word in (left, right))


def reads_program(command: Command) -> bool:
    """Whether a command takes its program from its standard input: `sh`, `bash -s`, `python3 -`."""
    words = _unwrapped(command.words)
    name = words[0].value.rpartition("/")[2] if words else ""
    if name not in _SHELLS and name not in ("python", "python3", "node", "perl", "ruby"):
        return False
    if any(word.text in ("-s", "-") for word in words[1:]):
        return True
    return all(word.text.startswith("-") and not re.fullmatch(r"-[a-zA-Z]*[cem]", word.text) for word in words[1:])
