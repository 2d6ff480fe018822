"""Plain tables: aligned columns that survive a pipe, colour only for state words on a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import typer

_COLOURS = {
    "succeeded": "green",
    "reached": "green",
    "failed": "red",
    "missed": "red",
    "interrupted": "red",
    "running": "cyan",
    "cancelled": "yellow",
    "paused": "yellow",
    "skipped": "bright_black",
    "pending": "bright_black",
    "ready": "bright_black",
}
_GAP = "  "


def one_line(text: object, most: int = 120) -> str:
    """Text from outside on one line of at most `most` characters, without control characters."""
    words = "".join(char if unicodedata.category(char)[0] != "C" else " " for char in str(text or "")).split()
    line = " ".join(words)
    return line if len(line) <= most else line[: most - 1] + "…"


def visible(text: str, most: int) -> str:
    """A line of output as it is, its indentation too, without control characters and at most `most` characters."""
    line = text[: 4 * most]  # a line of megabytes is not worth looking at to its end
    if not line.isprintable():
        line = "".join(char for char in line.expandtabs(4) if unicodedata.category(char)[0] != "C")
    line = line.rstrip()
    return line if len(line) <= most and len(text) <= 4 * most else line[: most - 1] + "…"


def width(text: str) -> int:
    """Columns that `text` takes on a terminal."""
    return sum(0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF") for char in text)


def render(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The table as text. A cell that is a state's name carries its colour (typer drops it in a pipe)."""
    widths = [max(width(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    lines = [_line(list(heads), widths, coloured=False)]
    lines += [_line(list(row), widths, coloured=True) for row in rows]
    return "\n".join(lines)


def _line(cells: list[str], widths: list[int], *, coloured: bool) -> str:
    padded = [cell + " " * (wide - width(cell)) for cell, wide in zip(cells, widths, strict=True)]
    padded[-1] = cells[-1]
    if coloured:
        padded = [
            typer.style(text, fg=_COLOURS[cell]) if cell in _COLOURS else text
            for cell, text in zip(cells, padded, strict=True)
        ]
    return _GAP.join(padded).rstrip()
