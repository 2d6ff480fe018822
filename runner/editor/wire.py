"""Between places of the compiler and positions of the protocol: 0-based, counted in units that the client chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lsprotocol import types

from runner.compiler.diagnostic import Diagnostic, Fix, Related, Severity, Span
from runner.compiler.document import split_lines
from runner.compiler.handbook import handbook

SOURCE = "runner"
_SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
}
_UNITS = {types.PositionEncodingKind.Utf8: "utf-8", types.PositionEncodingKind.Utf16: "utf-16-le"}
_WIDTH = {"utf-8": 1, "utf-16-le": 2}


@dataclass(frozen=True, slots=True)
class Positions:
    """The positions of one text. `encoding` is what the client counts in: UTF-16 units unless agreed otherwise."""

    lines: Sequence[str]
    encoding: types.PositionEncodingKind | str = types.PositionEncodingKind.Utf16

    def place(self, position: types.Position) -> tuple[int, int]:
        """The line and the column of a position; the nearest one inside the text."""
        if position.line >= len(self.lines):
            return len(self.lines), len(self.lines[-1]) + 1
        line = self.lines[position.line]
        unit = _UNITS.get(types.PositionEncodingKind(self.encoding))
        if unit is None or line.isascii():
            return position.line + 1, min(position.character, len(line)) + 1
        units = line.encode(unit, "replace")[: position.character * _WIDTH[unit]]
        return position.line + 1, len(units.decode(unit, "ignore")) + 1

    def position(self, line: int, column: int) -> types.Position:
        """The position of a line and a column."""
        written = self.lines[line - 1] if line <= len(self.lines) else ""
        unit = _UNITS.get(types.PositionEncodingKind(self.encoding))
        if unit is None or written.isascii():
            return types.Position(line - 1, column - 1)
        return types.Position(line - 1, len(written[: column - 1].encode(unit, "replace")) // _WIDTH[unit])

    def range(self, span: Span) -> types.Range:
        """The range of a stretch of text."""
        return types.Range(self.position(span.line, span.column), self.position(span.end_line, span.end_column))

    def edit(self, fix: Fix) -> types.TextEdit:
        """A replacement."""
        return types.TextEdit(self.range(fix.span), fix.replacement)

    def everything(self, text: str) -> types.TextEdit:
        """The replacement of the whole text."""
        end = self.position(len(self.lines), len(self.lines[-1]) + 1)
        return types.TextEdit(types.Range(types.Position(0, 0), end), text)


def positions(text: str, encoding: types.PositionEncodingKind | str) -> Positions:
    """The positions of a text."""
    return Positions(split_lines(text), encoding)


def path_of(uri: str) -> str:
    """The path that findings show for a document; its address where it is no file."""
    parts = urlsplit(uri)
    return unquote(parts.path) if parts.scheme == "file" else uri


def uri_of(path: str) -> str:
    """The address of a file; an address of another kind stays as it is."""
    return Path(path).as_uri() if Path(path).is_absolute() else path


def diagnostic(found: Diagnostic, at: Positions) -> types.Diagnostic:
    """A finding for the client, with a link to what its code means."""
    message = found.message + (f"\n{found.hint}" if found.hint else "")
    return types.Diagnostic(
        range=at.range(found.span),
        message=message,
        severity=_SEVERITIES[found.severity],
        code=found.code,
        code_description=types.CodeDescription(f"{handbook().as_uri()}#{found.code}"),
        source=SOURCE,
        tags=_tags(found.code),
        related_information=[_related(one, found, at) for one in found.related] or None,
    )


def _tags(code: str) -> list[types.DiagnosticTag] | None:
    if code.endswith(("-unused", "-ineffective")) or code in ("ineffective-key", "unused-anchor", "step-unreachable"):
        return [types.DiagnosticTag.Unnecessary]
    return [types.DiagnosticTag.Deprecated] if code.startswith("deprecated") else None


def _related(one: Related, found: Diagnostic, at: Positions) -> types.DiagnosticRelatedInformation:
    mine = one.span.path == found.span.path
    range_ = at.range(one.span) if mine else Positions([""], types.PositionEncodingKind.Utf32).range(one.span)
    return types.DiagnosticRelatedInformation(types.Location(uri_of(one.span.path), range_), one.message)
