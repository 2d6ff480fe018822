"""Reading expressions without compiling them: where they are in a text, and what they refer to."""

from __future__ import annotations

import re
from functools import lru_cache

from runner.records import dataclass

OPEN, CLOSE = "${{", "}}"
ROOTS = ("inputs", "matrix", "secrets", "run", "steps", "params", "outputs")

#: CEL string literals, longest quotes first; raw strings (prefix r) know no escapes.
_STRING = re.compile(
    r"[rR][bB]?(?:'''.*?'''|\"\"\".*?\"\"\"|'[^'\n]*'|\"[^\"\n]*\")"
    r"|'''(?:\\.|[^\\])*?'''|\"\"\"(?:\\.|[^\\])*?\"\"\""
    r"|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"",
    re.DOTALL,
)
_STRING_OR_BRACE = re.compile(rf"{_STRING.pattern}|[{{}}]", re.DOTALL)
_NAME = re.compile(r"(?<![\w.])(?:" + "|".join(ROOTS) + r")(?![\w(])(?:\s*\.\s*[A-Za-z_]\w*)*")
_DOTTED = r"((?:inputs|matrix|secrets|run|steps|params)\.[A-Za-z_]\w*(?:\.\w+)*)"
_FOREIGN = re.compile(
    rf"\{{(?<!\$\{{)\{{-?\s*{_DOTTED}\s*-?\}}\}}|\$\{{\s*{_DOTTED}\s*\}}|\$\(\s*{_DOTTED}\s*\)|\${_DOTTED}"
)
_CALL = re.compile(r"(?<![\w])([A-Za-z_]\w*)\s*\(")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text: plain words, or (`is_expression`) the CEL between `${{` and `}}`, unstripped.

    `start` is the offset of `text` in the whole; `closed` is False when `}}` is missing.
    """

    text: str
    start: int
    is_expression: bool
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Reference:
    """A dotted name in an expression, such as `steps.bundle.outputs.size`, and its offset."""

    path: tuple[str, ...]
    start: int
    end: int

    def __str__(self) -> str:
        return ".".join(self.path)


def masked(expression: str) -> str:
    """The expression with the inside of its string literals blanked: same length, same columns."""
    return _STRING.sub(lambda match: '"' + " " * (len(match[0]) - 2) + '"', expression)


def _end_of_expression(text: str, start: int) -> int:
    """Offset of the `}}` that closes the expression that starts at `start`, or -1."""
    depth = 0
    for found in _STRING_OR_BRACE.finditer(text, start):
        if found[0] == "{":
            depth += 1
        elif found[0] == "}":
            if depth == 0:
                return found.start() if text.startswith(CLOSE, found.start()) else -1
            depth -= 1
    return -1


@lru_cache(maxsize=4096)
def pieces(text: str) -> tuple[Piece, ...]:
    """Split a text into words and expressions, in order. An unclosed expression runs to the end."""
    found: list[Piece] = []
    at = 0
    while True:
        start = text.find(OPEN, at)
        if start < 0:
            break
        if start > at:
            found.append(Piece(text[at:start], at, is_expression=False))
        inner = start + len(OPEN)
        end = _end_of_expression(text, inner)
        if end < 0:
            found.append(Piece(text[inner:], inner, is_expression=True, closed=False))
            return tuple(found)
        found.append(Piece(text[inner:end], inner, is_expression=True))
        at = end + len(CLOSE)
    if at < len(text):
        found.append(Piece(text[at:], at, is_expression=False))
    return tuple(found)


@lru_cache(maxsize=4096)
def references(expression: str) -> tuple[Reference, ...]:
    """Every dotted name that starts with a context (`inputs`, `matrix`, …), in order. Spaces around dots are legal."""
    found = []
    blank = masked(expression)
    for match in _NAME.finditer(blank):
        path, end = match[0].split("."), match.end()
        if len(path) > 1 and blank[end:].lstrip().startswith("("):
            end -= len(path.pop()) + 1  # the last word is a method, not a property
        found.append(Reference(tuple(part.strip() for part in path), match.start(), end))
    return tuple(found)


def calls(expression: str) -> list[tuple[str, int]]:
    """The names of the functions and methods called, with their offsets."""
    return [(match[1], match.start(1)) for match in _CALL.finditer(masked(expression))]


@lru_cache(maxsize=64)
def foreign(text: str) -> tuple[Reference, ...]:
    """What looks like one of our names in the brackets of other languages: `{{ x.y }}`, `${x.y}`, `$(x.y)`, `$x.y`.

    Argo has a word between: its `inputs.parameters.x` is our `inputs.x`.
    """
    if "$" not in text and "{{" not in text:
        return ()
    found = []
    for match in _FOREIGN.finditer(text):
        name = next(group for group in match.groups() if group)
        path = name.replace(".parameters.", ".").split(".")
        found.append(Reference(tuple(path), match.start(), match.end()))
    return tuple(found)
