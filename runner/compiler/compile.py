"""The compiler's front door: text in, every finding out. Pure functions, no clock, network or environment."""

from __future__ import annotations

from runner.compiler import shape
from runner.compiler.diagnostic import Diagnostic, tidy
from runner.compiler.document import Document, read


def check(data: bytes, path: str) -> list[Diagnostic]:
    """Return every finding about the spec in `data`, sorted by place; `path` is only for the positions.

    Every stage runs as far as it can. After a syntax error the rules keep silent: what they would miss may stand
    in the part that could not be read.
    """
    document = read(data, path)
    return tidy([*document.diagnostics, *shape.check(document), *_rules(document)])


def _rules(document: Document) -> list[Diagnostic]:
    return []
