"""How a spec is written: `formatted` changes lines, blanks, quotes and the order of keys, and nothing else.

No round trip through a tree: what is between the tokens is written anew, and the tokens stay as they are, so comments,
block texts, anchors and long lines cannot be lost. Whatever comes out is read again and compared with what went in.

Read in this order: `gaps` (what stands between two tokens), `levels` (how deep a token stands), `indent` (lines and
blanks), `quotes`, `order` (of keys). `document.pieces` cuts the text.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from typing import Any

from runner.compiler.diagnostic import Diagnostic, Severity
from runner.compiler.document import read_all
from runner.compiler.document.pieces import Piece, outline
from runner.compiler.layout.indent import comments, indented
from runner.compiler.layout.order import ordered
from runner.records import dataclass

__all__ = ["Formatted", "formatted"]

_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Formatted:
    """The bytes as they should be written. With `errors` the text cannot be read as YAML, and is left as it is."""

    data: bytes
    errors: tuple[Diagnostic, ...] = ()


def formatted(data: bytes, path: str) -> Formatted:
    """Format a spec. `path` is for the positions of findings. Never raises; formatting twice changes nothing more."""
    documents = read_all(data, path)
    found = [finding for document in documents for finding in document.diagnostics]
    errors = tuple(finding for finding in found if finding.severity is Severity.ERROR)
    if errors:
        return Formatted(data, errors)
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    breaks = Counter(_BREAK.findall(documents[0].text))
    text = _BREAK.sub("\n", documents[0].text)
    better = _written(text).replace("\n", breaks.most_common(1)[0][0] if breaks else "\n")
    return Formatted(mark + better.encode())


def _written(text: str) -> str:
    """The first that says the same: in lines and in order, only in lines, as it is."""
    meaning = _meaning(text)
    for better in (_ordered, indented):
        try:
            found = better(text)
            if _meaning(found) == meaning:
                return found
        except ValueError:
            continue
    return text


def _ordered(text: str) -> str:
    lines = indented(text)
    found = ordered(lines)
    return lines if found == lines else indented(found)


def _meaning(text: str) -> tuple[object, Counter[str]]:
    """What a text says, and its comments. Raises ValueError for one that cannot be parsed."""
    return [_plain(piece, {}) for piece in outline(text)], Counter(comments(text))


def _plain(piece: Piece, anchors: dict[str, int]) -> Any:
    """A piece without its places; the order of keys means nothing. An alias is what stands at its anchor."""
    if piece.kind == "alias":
        return _named(str(piece.value), anchors)
    found: Any = piece.value
    if piece.kind == "map":
        pairs = [(repr(_plain(key, anchors)), _plain(value, anchors)) for key, value in piece.pairs]
        found = (piece.value, sorted(pairs, key=lambda pair: pair[0]))
    elif piece.kind == "list":
        found = (piece.value, [_plain(item, anchors) for item in piece.items])
    if piece.anchor:
        anchors[piece.anchor] = hash(repr(found))
    return found


def _named(name: str, anchors: dict[str, int]) -> tuple[str, int]:
    if name not in anchors:
        raise ValueError(f"the anchor {name} does not stand before its alias")
    return name, anchors[name]
