"""Findings for people: the place, the line with a caret below it, what to do, and a summary."""

from __future__ import annotations

import re
import unicodedata

from runner.compiler.diagnostic import Diagnostic, Severity, Span
from runner.compiler.document import split_lines
from runner.compiler.handbook import handbook
from runner.compiler.renderers.report import Report
from runner.records import dataclass

_CODES = {"error": "\x1b[31m", "warning": "\x1b[33m", "info": "\x1b[36m", "dim": "\x1b[2m", "bold": "\x1b[1m"}
_WIDEST = 120  # characters of a line in the excerpt
_BEFORE = 80  # of them before the caret
# A terminal would obey these instead of showing them.
_CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def render(report: Report, *, colour: bool = False) -> str:
    """Return every finding with its excerpt, and one line that sums up."""
    lines = {path: split_lines(text) for path, text in report.texts.items()}
    ink = _Ink(colour, report.home if colour else "")
    blocks = [_block(found, lines.get(found.span.path, []), ink) for found in report.diagnostics]
    return "".join(f"{block}\n\n" for block in blocks) + summary(report) + "\n"


def summary(report: Report) -> str:
    """Return how many files were checked and what was found."""
    checked = f"{report.files} file{'s' * (report.files != 1)} checked"
    counts = [
        f"{count} {severity.value}{'s' * (count != 1)}"
        for severity in (Severity.ERROR, Severity.WARNING)
        if (count := sum(found.severity is severity for found in report.diagnostics))
    ]
    return f"{checked}: {', '.join(counts) or 'no problems'}"


def one_line(found: Diagnostic) -> str:
    """Return `LINE:COLUMN severity code: message | hint`, the form of the golden files."""
    hint = f" | {found.hint}" if found.hint else ""
    return f"{found.span.line}:{found.span.column} {found.severity} {found.code}: {found.message}{hint}"


def _clean(text: str) -> str:
    return _CONTROLS.sub("\ufffd", text)


def harmless(lines: str) -> str:
    """Lines that hold texts of a spec, for a terminal or a page: what these would obey stands as a mark, also what
    turns the direction of writing.
    """
    return _OBEYED.sub("\ufffd", lines)


@dataclass(frozen=True, slots=True)
class _Ink:
    """How a terminal shows it: with colours or not, with links to files below `home` and to the handbook or not."""

    colour: bool
    home: str

    def paint(self, text: str, name: str) -> str:
        return f"{_CODES[name]}{text}\x1b[0m" if self.colour else text

    def place(self, span: Span) -> str:
        shown = _clean(str(span))
        if not self.home or span.path.startswith("<"):
            return shown
        from urllib.parse import quote, urljoin  # only for a terminal

        return self._link(shown, urljoin(self.home, quote(span.path.replace("\\", "/"))))

    def code(self, found: Diagnostic) -> str:
        return self._link(found.code, f"{handbook().as_uri()}#{found.code}") if self.home else found.code

    @staticmethod
    def _link(text: str, target: str) -> str:
        """A hyperlink as terminals know it: the escape sequence OSC 8."""
        return f"\x1b]8;;{target}\x1b\\{text}\x1b]8;;\x1b\\"


def _block(found: Diagnostic, lines: list[str], ink: _Ink) -> str:
    head = ink.paint(f"{found.severity}[{ink.code(found)}]", found.severity)
    out = [f"{ink.paint(ink.place(found.span), 'bold')}: {head}: {_clean(found.message)}"]
    if found.span.line <= len(lines):
        out += _excerpt(found, lines[found.span.line - 1], ink)
    margin = " " * len(str(found.span.line))
    if found.hint:
        out.append(f"{margin} = hint: {_clean(found.hint)}")
    out += [f"{margin} = {ink.place(related.span)}: {_clean(related.message)}" for related in found.related]
    return "\n".join(out)


def _excerpt(found: Diagnostic, line: str, ink: _Ink) -> list[str]:
    span = found.span
    shown, start = _window(line, span.column - 1)
    at = span.column - 1 - start
    length = _length(span, len(line))
    number = str(span.line)
    margin = " " * len(number)
    before = "".join("\t" if char == "\t" else " " * _width(char) for char in shown[:at])
    below = "^" * max(1, sum(_width(char) for char in shown[at : at + length]))
    bar = ink.paint("|", "dim")
    return [
        f"{margin} {bar}",
        f"{ink.paint(number, 'dim')} {bar} {shown}",
        f"{margin} {bar} {before}{ink.paint(below, found.severity)}",
    ]


def _window(line: str, column: int) -> tuple[str, int]:
    """The part of a line that is shown, and the index at which it begins."""
    clean = _clean(line)
    if len(clean) <= _WIDEST:
        return clean, 0
    start = max(0, min(column - _BEFORE, len(clean) - _WIDEST))
    part = clean[start : start + _WIDEST]
    if start > 0:
        part = "…" + part[1:]
    return (part[:-1] + "…" if start + _WIDEST < len(clean) else part), start


def _length(span: Span, end_of_line: int) -> int:
    end = span.end_column - 1 if span.end_line == span.line else end_of_line
    return end - (span.column - 1)


def _width(char: str) -> int:
    """The columns of a terminal that a character takes."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
