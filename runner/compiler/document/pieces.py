"""A text cut into its pieces, for those who change how it is written and not what it says.

`tokens` gives what the scanner sees, `outline` the tree with the places of its parts. Indexes count characters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any, Literal, NamedTuple

import yaml

from runner.compiler.document.scalars import resolve
from runner.records import dataclass

_Scanner: Callable[[str], Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class Token(NamedTuple):
    """One token: its kind as in YAML libraries (`Scalar`, `Key`, `BlockEntry`, `FlowMappingEnd`, …), and its place.

    `style` is that of a scalar: '' plain, "'", '"', '|' or '>'.
    """

    kind: str
    start: int
    end: int
    column: int
    style: str = ""


@dataclass(slots=True)
class Piece:
    """A part of the tree: `items` are those of a list, or the keys and values of a map in turn.

    `value` is comparable: the tag and the type of the piece, and of a leaf its value; of an alias its name. `text` is
    that of a leaf. The place of a piece begins with its anchor and tag.
    """

    kind: Literal["map", "list", "leaf", "alias"]
    start: int
    end: int
    flow: bool = True
    value: object = None
    text: str = ""
    anchor: str = ""
    items: list[Piece] = field(default_factory=list)

    @property
    def pairs(self) -> list[tuple[Piece, Piece]]:
        """The keys of a map with their values."""
        return list(zip(self.items[::2], self.items[1::2], strict=True))


def tokens(text: str) -> list[Token]:
    """Every token of a text that can be parsed, in order. Raises ValueError for one that cannot."""
    scanner = _Scanner(text)
    found: list[Token] = []
    scanner.get_token()  # the start of the stream
    try:
        while (token := scanner.get_token()) is not None:
            start = token.start_mark
            style = getattr(token, "style", None) or ""
            kind = type(token).__name__.removesuffix("Token")
            found.append(Token(kind, start.index, token.end_mark.index, start.column, style))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    return found


def outline(text: str) -> list[Piece]:
    """The tree of each document of a text. Raises ValueError for a text that cannot be parsed."""
    try:
        return _outline(_Scanner(text))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _outline(parser: Any) -> list[Piece]:
    documents: list[Piece] = []
    open_: list[Piece] = []
    last = 0
    while (event := parser.get_event()) is not None:
        end = event.end_mark.index
        piece = _piece(event)
        if piece is not None:
            if piece.kind == "leaf" and piece.start == piece.end:
                # The parser puts a value that is not there where the next thing stands.
                piece.start = piece.end = last
            last = piece.end if piece.kind in ("leaf", "alias") else last
            (open_[-1].items if open_ else documents).append(piece)
            if piece.kind in ("map", "list"):
                open_.append(piece)
        elif isinstance(event, yaml.CollectionEndEvent):
            ended = open_.pop()
            ended.end = last = end if ended.flow or not ended.items else ended.items[-1].end
    return documents


def _piece(event: Any) -> Piece | None:
    start, end = event.start_mark.index, event.end_mark.index
    anchor = getattr(event, "anchor", None) or ""
    if isinstance(event, yaml.AliasEvent):
        return Piece("alias", start, end, value=anchor)
    if isinstance(event, yaml.ScalarEvent):
        plain = not event.style and event.tag is None
        value = resolve(event.value) if plain else event.value
        return Piece("leaf", start, end, value=(event.tag, type(value), value), text=event.value, anchor=anchor)
    if isinstance(event, yaml.CollectionStartEvent):
        kind: Literal["map", "list"] = "map" if isinstance(event, yaml.MappingStartEvent) else "list"
        return Piece(kind, start, end, bool(event.flow_style), value=(event.tag, kind), anchor=anchor)
    return None
