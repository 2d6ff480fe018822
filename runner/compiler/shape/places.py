"""Where in the text a path of the schema library leads, and what is called how there."""

from __future__ import annotations

from dataclasses import dataclass, field

from runner.compiler.diagnostic import Diagnostic, Fix, Related, Severity, Span
from runner.compiler.document import Entry, Mapping, Node, Sequence
from runner.compiler.shape.validator import Path


@dataclass(frozen=True, slots=True)
class Site:
    """A value with its surroundings: the key it stands under, and the names of what it is part of."""

    node: Node
    entry: Entry | None
    path: Path
    file: str

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
        if isinstance(self.node, Mapping) and self.node.entries:
            return next(iter(self.node.entries.values())).key.span
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


def locate(root: Node, path: Path, file: str) -> Site:
    """Return the value that `path` leads to; the nearest one above it if there is none."""
    node, entry = root, None
    for depth, name in enumerate(path):
        if isinstance(node, Mapping) and isinstance(name, str) and name in node.entries:
            entry = node.entries[name]
            node = entry.value
        elif isinstance(node, Sequence) and isinstance(name, int) and name < len(node.items):
            entry = None
            node = node.items[name]
        else:
            return Site(node, entry, path[:depth], file)
    return Site(node, entry, path, file)


def error(
    code: str,
    message: str,
    span: Span,
    hint: str = "",
    related: tuple[Related, ...] = (),
    fix: Fix | None = None,
) -> Diagnostic:
    """An error at `span`."""
    return Diagnostic(code, Severity.ERROR, message, span, hint, related, fix)
