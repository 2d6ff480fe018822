"""One finding about a spec: what, where, what is allowed, what to do."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum

from runner.records import dataclass


class Severity(StrEnum):
    """How bad a finding is. An error stops the compiler from making a plan."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of text: 1-based lines and columns (in characters), the end exclusive."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that explains the finding, with a sentence of its own."""

    message: str
    span: Span


@dataclass(frozen=True, slots=True)
class Fix:
    """A replacement of the text in `span` that would mend the finding."""

    message: str
    span: Span
    replacement: str
    safe: bool = True


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `code` is kebab-case and stable; `hint` says what to do, empty if nothing helps."""

    code: str
    severity: Severity
    message: str
    span: Span
    hint: str = ""
    related: tuple[Related, ...] = field(default=())
    fix: Fix | None = None

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Order of printing: by place, then by code and message."""
        return (self.span.path, self.span.line, self.span.column, self.code, self.message)


def error(
    code: str, message: str, span: Span, hint: str = "", related: tuple[Related, ...] = (), fix: Fix | None = None
) -> Diagnostic:
    """A finding that stops the compiler."""
    return Diagnostic(code, Severity.ERROR, message, span, hint, related, fix)


def warning(
    code: str, message: str, span: Span, hint: str = "", related: tuple[Related, ...] = (), fix: Fix | None = None
) -> Diagnostic:
    """A finding that does not stop the compiler."""
    return Diagnostic(code, Severity.WARNING, message, span, hint, related, fix)


def tidy(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """Sort by place and drop findings that say the same thing at the same place."""
    seen: dict[tuple[str, int, int, str, str], Diagnostic] = {}
    for diagnostic in diagnostics:
        seen.setdefault(diagnostic.sort_key, diagnostic)
    return [seen[key] for key in sorted(seen)]
