"""TOML with positions: where in the text each key and each value stands. The values are those of `tomllib`."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import field
from typing import Any, TypeAlias

from runner.compiler.diagnostic import Diagnostic, Span, error
from runner.records import dataclass

#: The keys that lead to a value; a number is the index in a list.
Path: TypeAlias = "tuple[str | int, ...]"

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_TEXT = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")|' + r"'''.*?'{3,5}(?!')|" + r""""(?:[^"\\\n]|\\.)*"|'[^'\n]*'""", re.DOTALL
)
_BARE = re.compile(r"[^,\]}#\r\n]*[^,\]}#\s]")
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(slots=True)
class Table:
    """What a file says. `keys` and `values` tell the places of keys and values by their paths.

    The item of a list that begins with `[[name]]` stands among the keys.
    """

    content: dict[str, Any]
    keys: dict[Path, Span] = field(default_factory=dict)
    values: dict[Path, Span] = field(default_factory=dict)


def read_toml(data: bytes, path: str) -> Table | Diagnostic:
    """Read a file; the one finding if it is not TOML. `path` is for the positions."""
    import tomllib

    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as problem:
        line = data[: problem.start].count(b"\n") + 1
        message = f"the byte 0x{data[problem.start]:02x} is not UTF-8"
        return error("settings-syntax", message, Span(path, line, 1, line, 1), "save the file as UTF-8")
    try:
        table = Table(tomllib.loads(text))
    except tomllib.TOMLDecodeError as problem:
        return _not_toml(str(problem), text, path)
    except RecursionError:
        return error("settings-syntax", "lists are nested too deep", Span(path, 1, 1, 1, 1), "use fewer levels")
    _Places(text, path, table).read()
    return table


def _not_toml(said: str, text: str, path: str) -> Diagnostic:
    found = _AT.search(said)
    if found and found[1]:
        line, column = int(found[1]), int(found[2])
    else:
        line, column = text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1
    sentence = said[: found.start()] if found else said
    message = f"this is not TOML: {sentence[:1].lower()}{sentence[1:]}"
    return error("settings-syntax", message, Span(path, line, column, line, column + 1), "texts stand in quotes")


class _Places:
    """Walks a text that is TOML for sure, and notes where things are."""

    def __init__(self, text: str, path: str, table: Table) -> None:
        self.text, self.path, self.table = text, path, table
        self.at = 0
        self.starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self.counts: dict[Path, int] = {}
        self.latest = Span(path, 1, 1, 1, 1)  # of the key that was read last

    def read(self) -> None:
        """Note the places of all keys and values."""
        current: Path = ()
        while True:
            self._skip(_BLANK)
            if self.at >= len(self.text):
                return
            if self.text[self.at] != "[":
                self._pair(current)
                continue
            array = self.text.startswith("[[", self.at)
            self.at += 2 if array else 1
            current = self._header(array=array)
            self.at = self.text.index("]", self.at) + (2 if array else 1)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found[0]

    def _header(self, *, array: bool) -> Path:
        self._skip(_BLANK)
        path = self._dotted((), into_lists=True)
        if array:
            base = path[:-1] if isinstance(path[-1], int) else path
            index = self.counts.get(base, -1) + 1
            self.counts[base] = index
            path = (*base, index)
            self.table.keys[path] = self.latest
        return path

    def _dotted(self, path: Path, *, into_lists: bool = False) -> Path:
        while True:
            begin = self.at
            key = self._skip(_KEY)
            path = (*path, _unquoted(key))
            self.latest = self._span(begin, self.at)
            self.table.keys.setdefault(path, self.latest)
            if into_lists and path in self.counts:
                path = (*path, self.counts[path])
            if not self._skip(_DOT):
                return path

    def _pair(self, current: Path) -> None:
        path = self._dotted(current)
        self._skip(_EQUALS)
        self._value(path)

    def _value(self, path: Path) -> None:
        begin = self.at
        if self.text[begin] == "[":
            self._list(path)
        elif self.text[begin] == "{":
            self._inline(path)
        elif not self._skip(_TEXT):
            self._skip(_BARE)
        self.table.values[path] = self._span(begin, self.at)

    def _list(self, path: Path) -> None:
        self.at += 1
        for index in range(len(self.text)):
            self._skip(_BLANK)
            if self.text[self.at] == "]":
                break
            self._value((*path, index))
            self._comma()
        self.at += 1

    def _inline(self, path: Path) -> None:
        self.at += 1
        self._skip(_BLANK)
        while self.text[self.at] != "}":
            self._pair(path)
            self._comma()
        self.at += 1

    def _comma(self) -> None:
        self._skip(_BLANK)
        if self.text[self.at] == ",":
            self.at += 1
            self._skip(_BLANK)

    def _span(self, begin: int, end: int) -> Span:
        first, last = bisect_right(self.starts, begin), bisect_right(self.starts, end)
        return Span(self.path, first, begin - self.starts[first - 1] + 1, last, end - self.starts[last - 1] + 1)


def _unquoted(key: str) -> str:
    if key.startswith("'"):
        return key[1:-1]
    if key.startswith('"'):
        import tomllib

        return next(iter(tomllib.loads(f"{key} = 1")))
    return key
