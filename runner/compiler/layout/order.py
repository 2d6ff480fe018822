"""The order of keys: those of the spec itself and those of each step, as the language's description tells them.

A map is only put in order where every comment knows which key it belongs to: one behind a value, or one that stands
right above a key. What else keeps a map as it is: brackets over several lines, an unknown key, two keys of one name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.compiler.document.pieces import Piece, outline
from runner.compiler.layout.indent import lonely_comments

TOP = (
    *("<<", "spec", "name", "title", "description", "labels", "inputs", "secrets", "sandboxes", "agents", "templates"),
    *("defaults", "env", "phases", "concurrency", "priority", "steps", "outputs", "on_failure", "finally"),
    *("milestones", "risks", "policies", "schedules", "triggers", "tests"),
)
_WHO = ("<<", "ref", "title", "description", "phase", "owner")
_WHEN = ("after", "if", "for_each", "matrix", "repeat")
_WHERE = ("sandbox", "cwd", "env", "files", "stdin")
#: What a step is; of these it has one.
KINDS = ("run", "script", "agent", "tool", "approve", "workflow", "use")
_HOW = (
    "prompt",
    "with",
    "returns",
    "outputs",
    "estimate",
    "timeout",
    "retry",
    "allow_failure",
    "cache",
    "concurrency",
    "priority",
)
STEP = (*_WHO, *_WHEN, *_WHERE, *KINDS, *_HOW, "idempotent")

_COLON = re.compile(r"\s*:")
_Order = dict[str, int]
_TOP_ORDER: _Order = {key: number for number, key in enumerate(TOP)}
_STEP_ORDER: _Order = {key: STEP.index(KINDS[0]) if key in KINDS else number for number, key in enumerate(STEP)}


def ordered(text: str) -> str:
    """The text with its keys in order. Its line breaks are LF. Raises ValueError if it cannot be parsed."""
    for order, path in ((_STEP_ORDER, _steps), (_TOP_ORDER, _roots)):
        maps = [found for found in path(outline(text)) if _unsorted(found, order)]
        if maps:
            text = _sorted(text, sorted(maps, key=lambda piece: piece.start), order)
    return text


def _roots(documents: list[Piece]) -> Iterator[Piece]:
    yield from (document for document in documents if document.kind == "map")


def _steps(documents: list[Piece]) -> Iterator[Piece]:
    """The maps that are steps: those below `steps`, in templates, and the two hooks."""
    for root in _roots(documents):
        for key, value in root.pairs:
            name = _name(key)
            if name in ("on_failure", "finally"):
                yield from _maps([value])
            elif name == "steps":
                yield from _maps(_values(value))
            elif name == "templates":
                bodies = [pair for template in _maps(_values(value)) for pair in template.pairs]
                yield from _maps([body for inner, body in bodies if _name(inner) == "step"])


def _maps(pieces: list[Piece]) -> Iterator[Piece]:
    yield from (piece for piece in pieces if piece.kind == "map")


def _values(piece: Piece) -> list[Piece]:
    return [value for _, value in piece.pairs] if piece.kind == "map" else []


def _name(key: Piece) -> str:
    return key.text if key.kind == "leaf" else ""


def _unsorted(piece: Piece, order: _Order) -> bool:
    """Whether the keys stand in another order, and all are known."""
    names = [_name(key) for key, _ in piece.pairs]
    if len(set(names)) < len(names) or not order.keys() >= set(names):
        return False
    ranks = [order[name] for name in names]
    return ranks != sorted(ranks)


def _sorted(text: str, maps: list[Piece], order: _Order) -> str:
    """The text with the keys of these maps, none of them inside another, in order where that is safe."""
    lonely = lonely_comments(text)
    out: list[str] = []
    at = 0
    for piece in maps:
        found = _in_brackets(text, piece) if piece.flow else _in_lines(text, piece, lonely)
        if found is None:
            continue
        start, end, cut = found
        ranks = [(order[_name(key)], number) for number, (key, _) in enumerate(piece.pairs)]
        moved = (", " if piece.flow else "").join(cut[number] for _, number in sorted(ranks))
        out += [text[at:start], moved.lstrip("\n")]
        at = end
    return "".join([*out, text[at:]])


_Cut = tuple[int, int, list[str]]


def _in_brackets(text: str, piece: Piece) -> _Cut | None:
    """The entries of a map in brackets on one line."""
    if "\n" in text[piece.start : piece.end]:
        return None
    ends = [_end(text, *pair) for pair in piece.pairs]
    cut = [text[key.start : end] for (key, _), end in zip(piece.pairs, ends, strict=True)]
    return piece.pairs[0][0].start, ends[-1], [part + " " if part.endswith(":") else part for part in cut]


def _end(text: str, key: Piece, value: Piece) -> int:
    """Where an entry ends; for one without a value behind its colon, if it has one."""
    if value.start < value.end:
        return value.end
    colon = _COLON.match(text, key.end)
    return colon.end() if colon else key.end


def _in_lines(text: str, piece: Piece, lonely: dict[int, int]) -> _Cut | None:
    """The entries of a map by whole lines, each with the comments above it, or None where that is not safe."""
    begins = [text.rfind("\n", 0, key.start) + 1 for key, _ in piece.pairs]
    column = piece.start - begins[0]
    if any(text[begin : key.start] != " " * column for begin, (key, _) in zip(begins, piece.pairs, strict=True)):
        return None  # an explicit key, or the first one stands behind a dash
    cuts = [begins[0]]
    for begin in begins[1:]:
        above = _above(text, begin, column, lonely)
        if above is None:
            return None
        cuts.append(above)
    end = _line_end(text, _end(text, *piece.pairs[-1]))
    if _followed(text, end, column, lonely) or (column and _previous(text, begins[0]) in lonely):
        return None
    parts = [text[start:stop] for start, stop in zip(cuts, [*cuts[1:], end], strict=True)]
    return begins[0], end, [part if part.endswith("\n") else part + "\n" for part in parts]


def _previous(text: str, begin: int) -> int:
    """Where the line before the one at `begin` begins; -1 if there is none."""
    return text.rfind("\n", 0, begin - 1) + 1 if begin else -1


def _line_end(text: str, end: int) -> int:
    """The beginning of the line behind the one where the text before `end` ends."""
    while text[end - 1] in " \n":
        end -= 1
    found = text.find("\n", end)
    return len(text) if found < 0 else found + 1


def _above(text: str, begin: int, column: int, lonely: dict[int, int]) -> int | None:
    """Where the comments and empty lines above a key begin; None if a comment there may belong to something else."""
    blank = False
    while True:  # another entry stands above
        line = _previous(text, begin)
        if line in lonely:
            if blank or lonely[line] != column:
                return None
        elif text[line:begin].strip():
            return begin
        else:
            blank = True
        begin = line


def _followed(text: str, end: int, column: int, lonely: dict[int, int]) -> bool:
    """Whether behind the last entry a comment stands that may belong to the map."""
    line = end
    while line < len(text) and (line in lonely or not text[line : _line_end(text, line + 1)].strip()):
        if lonely.get(line, -1) >= column:
            return True
        line = text.find("\n", line) + 1 or len(text)
    return False
