"""The tree of a document: every value AND every key knows its line and column."""

from __future__ import annotations

from typing import TypeAlias

from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Diagnostic, Span
from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class Scalar:
    """A leaf, resolved by the YAML 1.2 core schema. `text` is the scalar's content as written;
    `style` is the YAML style character: '' plain, "'", '"', '|' or '>'.
    """

    value: bool | int | float | str | None
    span: Span
    text: str = ""
    style: str = ""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping with its value; both know their place."""

    key: Scalar
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """A map with string keys in the order written. Duplicates were reported; the first one stays."""

    entries: dict[str, Entry]
    span: Span

    def get(self, key: str) -> Node | None:
        """The value under `key`, or None."""
        entry = self.entries.get(key)
        return None if entry is None else entry.value


Node: TypeAlias = "Scalar | Sequence | Mapping"


@dataclass(frozen=True, slots=True)
class Document:
    """The result of reading one text, or one of its documents: `root` is None when nothing could be made of it.

    `broken` says that a syntax error cost a part of the tree: what is there was really written, but
    nothing can be concluded from what is missing.
    """

    path: str
    text: str
    root: Node | None
    diagnostics: tuple[Diagnostic, ...]
    broken: bool = False
    #: The first and the last line of the document in a file of several; None for all that follows.
    first_line: int = 1
    last_line: int | None = None


def to_json(node: Node) -> Json:
    """Return the plain value of `node`; an aliased node appears as an equal value at each place."""
    if isinstance(node, Mapping):
        return {key: to_json(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [to_json(item) for item in node.items]
    return node.value
