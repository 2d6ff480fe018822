"""What a renderer gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from runner.compiler.diagnostic import Diagnostic


@dataclass(frozen=True, slots=True)
class Report:
    """The findings about some files: sorted, with the files' texts by path for excerpts."""

    diagnostics: tuple[Diagnostic, ...]
    texts: Mapping[str, str] = field(default_factory=dict)
    files: int = 1
