"""How big a spec may be: a bomb is refused before it costs memory or time."""

from __future__ import annotations

from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may ask for."""

    size: int = 1024 * 1024  # bytes of the file
    depth: int = 64  # collections inside each other, aliases expanded
    nodes: int = 100_000  # keys and values as written
    documents: int = 100  # workflows in one file
    expanded: int = 100_000  # keys and values after every alias is replaced by what it stands for
    syntax_errors: int = 10  # syntax errors reported before the reader gives up
    findings: int = 500  # findings of one stage: who makes more mistakes begins with the first ones


DEFAULT_LIMITS = Limits()
