"""The order of keys: those of the spec itself and those of each step, as the language's description tells them.

A map is only put in order where every comment knows which key it belongs to: one behind a value, or one that stands
right above a key. What else keeps a map as it is: brackets over several lines, an unknown key, two keys of one name.
"""

from __future__ import annotations

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

_Order = dict[str, int]
_TOP_ORDER: _Order = {key: number for number, key in enumerate(TOP)}
_STEP_ORDER: _Order = {key: STEP.index(KINDS[0]) if key in KINDS else number for number, key in enumerate(STEP)}


def ordered(text: str) -> str:
    """The text with its keys in order. Its line breaks are LF. Raises ValueError if it cannot be parsed."""
    for order, path in ((_STEP_ORDER, _steps), (_TOP_ORDER, _roots)):
        # From the end to the beginning, so that the places of what is still to come hold.
        for found in sorted(path(outline(text)), key=lambda piece: -piece.start):
            text = _sorted(text, found, order)
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


def _sorted(text: str, piece: Piece, order: _Order) -> str:
    names = [_name(key) for key, _ in piece.pairs]
    if len(set(names)) < len(names) or not order.keys() >= set(names):
        return text
    wanted = sorted(range(len(names)), key=lambda number: order[names[number]])
    if wanted == list(range(len(names))):
        return text
    parts = _in_brackets(text, piece) if piece.flow else _in_lines(text, piece)
    if parts is None:
        return text
    start, end, cut = parts
    sorted_ = (", " if piece.flow else "").join(cut[number] for number in wanted)
    return text[:start] + sorted_.lstrip("\n") + text[end:]


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
    rest = text[key.end :].lstrip()
    return len(text) - len(rest) + 1 if rest.startswith(":") else key.end


def _in_lines(text: str, piece: Piece) -> _Cut | None:
    """The entries of a map by whole lines, each with the comments above it, or None where that is not safe."""
    begins = [text.rfind("\n", 0, key.start) + 1 for key, _ in piece.pairs]
    column = piece.start - begins[0]
    if any(text[begin : key.start] != " " * column for begin, (key, _) in zip(begins, piece.pairs, strict=True)):
        return None  # an explicit key, or the first one stands behind a dash
    lonely = lonely_comments(text)
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
    found = text.find("\n", len(text[:end].rstrip()))
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
