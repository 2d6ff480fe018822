"""Findings as annotations of a GitHub workflow run, shown beside the lines of a pull request.

The form is that of workflow commands: `::error file=…,line=…::message`, with `%`, line ends and, in properties, `:` and
`,` written as percent codes (GitHub's documentation, "Workflow commands").
"""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Severity
from runner.compiler.renderers.report import Report
from runner.compiler.renderers.text import summary

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(report: Report, *, colour: bool = False) -> str:
    """Return one command a finding, then the summary; `colour` means nothing here."""
    return "".join(f"{_command(found)}\n" for found in report.diagnostics) + summary(report) + "\n"


def _command(found: Diagnostic) -> str:
    span = found.span
    place = {"file": span.path, "line": span.line, "endLine": span.end_line, "col": span.column}
    if span.end_line == span.line:  # elsewhere GitHub would take it for a column of the first line
        place["endColumn"] = max(span.end_column, span.column)
    place["title"] = f"runner: {found.code}"
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in place.items())
    hint = f"\nhint: {found.hint}" if found.hint else ""
    return f"::{_COMMANDS[found.severity]} {properties}::{_data(found.message + hint)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
