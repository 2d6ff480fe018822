"""What a renderer gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from runner.compiler.diagnostic import Diagnostic, Severity
from runner.records import dataclass

_ERRORS = frozenset({Severity.ERROR})


@dataclass(frozen=True, slots=True)
class Report:
    """The findings about some files: sorted, with the files' texts by path for excerpts.

    - `files`: how many files were checked; `paths`: which ones, those without findings too.
    - `failing`: the severities that make the command fail.
    - `home`: the `file:` URI of the folder that relative paths start from, with a slash at its end; "" for no links.
    """

    diagnostics: tuple[Diagnostic, ...]
    texts: Mapping[str, str] = field(default_factory=dict)
    files: int = 1
    paths: tuple[str, ...] = ()
    failing: frozenset[Severity] = _ERRORS
    home: str = ""
