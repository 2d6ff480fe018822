"""Where in the text a path of the schema library leads, and what is called how there."""

from __future__ import annotations

import re
from dataclasses import field

from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Diagnostic, Span
from runner.compiler.document import Entry, Mapping, Node, Sequence, to_json
from runner.compiler.shape.validator import Path
from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class Site:
    """A value with its surroundings: the key it stands under, and the names of what it is part of."""

    node: Node
    entry: Entry | None
    path: Path
    file: str

    @property
    def value(self) -> Json:
        """The plain value."""
        return to_json(self.node)

    @property
    def entries(self) -> dict[str, Entry]:
        """The keys of the value if it is a map, else none."""
        return self.node.entries if isinstance(self.node, Mapping) else {}

    def key_span(self, name: str) -> Span:
        """The key `name` of the map; the map as a whole if it is not there."""
        return self.entries[name].key.span if name in self.entries else self.head

    @property
    def label(self) -> str:
        """What the value is called: `` `timeout` ``, ``item 2 of `tools` ``, `the spec`."""
        if not self.path:
            return "the spec"
        last = self.path[-1]
        if isinstance(last, int):
            owner = next((name for name in reversed(self.path) if isinstance(name, str)), "")
            return f"item {last + 1} of `{owner}`"
        return f"`{last}`"

    @property
    def map_label(self) -> str:
        """What a map is called with what it is: ``step `build` ``, ``sandbox `py` ``; else as `label`."""
        if len(self.path) >= 2 and isinstance(self.path[-1], str) and self.path[-2] in _KINDS_OF_MAPS:
            return f"the {_KINDS_OF_MAPS[str(self.path[-2])]} `{self.path[-1]}`"
        return self.label

    @property
    def head(self) -> Span:
        """The place that stands for a map as a whole: its key, or its first key, or its beginning."""
        if self.entry is not None:
            return self.entry.key.span
        for first in self.entries.values():
            return first.key.span
        span = self.node.span
        return Span(span.path, span.line, span.column, span.line, span.column)

    @property
    def value_span(self) -> Span:
        """The value itself, or its key when the value is empty or a block of several lines."""
        span = self.node.span
        empty = (span.line, span.column) == (span.end_line, span.end_column)
        if (empty or span.line != span.end_line) and self.entry is not None:
            return self.entry.key.span
        return span


_DIGITS = re.compile(r"\+?[0-9]{1,20}")
_KINDS_OF_MAPS = {
    "steps": "step",
    "sandboxes": "sandbox",
    "agents": "agent",
    "inputs": "input",
    "outputs": "output",
    "secrets": "secret",
    "templates": "template",
    "phases": "phase",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A diagnostic with what is needed to see that two findings have one cause.

    `path` is the map it is about, `about` the keys that are missing, `meant` the keys that a mistyped one may mean.
    """

    diagnostic: Diagnostic
    path: Path
    about: frozenset[str] = field(default=frozenset())
    meant: frozenset[str] = field(default=frozenset())


def children(node: Node) -> tuple[Node, ...]:
    """The items of a list; none of anything else."""
    return node.items if isinstance(node, Sequence) else ()


def _entry(mapping: Mapping, name: str | int) -> Entry | None:
    entry = mapping.entries.get(str(name))
    if entry is None and isinstance(name, int):
        same = (key for key in mapping.entries if _DIGITS.fullmatch(key) and int(key) == name)
        return mapping.entries.get(next(same, ""))
    return entry


def locate(root: Node, path: Path, file: str) -> Site:
    """Return the value that `path` leads to; the nearest one above it if there is none.

    The library gives a key of digits as a number, `"007"` as 7: with `"7"` beside it a path has two meanings.
    """
    node = root
    entry: Entry | None = None
    for depth, name in enumerate(path):
        entry = _entry(node, name) if isinstance(node, Mapping) else None
        items = children(node)
        if entry is not None:
            node = entry.value
        elif isinstance(name, int) and name < len(items):
            node = items[name]
        else:
            return Site(node, entry, path[:depth], file)
    return Site(node, entry, path, file)
