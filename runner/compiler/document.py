"""YAML text to a tree whose every value AND key knows its line and column.

Only this module knows the YAML library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from runner.compiler.diagnostic import Diagnostic, Span


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
    """The result of reading one text: `root` is None when nothing could be made of it."""

    path: str
    text: str
    root: Node | None
    diagnostics: tuple[Diagnostic, ...]
