"""Findings as JUnit XML: a test suite a file, a failed test case a finding that counts, for CI pages that show tests.

The elements are those that the readers of Jenkins and GitLab share: `testsuites`, `testsuite`, `testcase`, `failure`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.renderers.report import Report

# What XML 1.0 cannot hold, not even escaped.
_IMPOSSIBLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
)


def render(report: Report, *, colour: bool = False) -> str:
    """Return the document; `colour` means nothing here. A file without findings is one test case that passed."""
    found: dict[str, list[Diagnostic]] = {path: [] for path in report.paths}
    for diagnostic in report.diagnostics:
        found.setdefault(diagnostic.span.path, []).append(diagnostic)
    suites = [_suite(report, path, these) for path, these in found.items()]
    cases = sum(max(1, len(these)) for these in found.values())
    head = f'<testsuites name="runner validate" tests="{cases}" failures="{_failures(report, report.diagnostics)}">'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *suites, "</testsuites>"]) + "\n"


def _failures(report: Report, found: Iterable[Diagnostic]) -> int:
    return sum(one.severity in report.failing for one in found)


def _suite(report: Report, path: str, found: list[Diagnostic]) -> str:
    cases = [_case(report, one) for one in found] or [f'    <testcase classname={_quoted(path)} name="valid"/>']
    head = f'  <testsuite name={_quoted(path)} tests="{len(cases)}" failures="{_failures(report, found)}">'
    return "\n".join([head, *cases, "  </testsuite>"])


def _case(report: Report, found: Diagnostic) -> str:
    span = found.span
    start = (
        f"    <testcase classname={_quoted(span.path)} name={_quoted(f'{found.code} at {span.line}:{span.column}')} "
        f'file={_quoted(span.path)} line="{span.line}"'
    )
    hint = f"\nhint: {found.hint}" if found.hint else ""
    text = _text(f"{span}: {found.severity}[{found.code}]: {found.message}{hint}")
    if found.severity in report.failing:
        inner = f'<failure message={_quoted(found.message)} type="{found.severity}">{text}</failure>'
    else:
        inner = f"<system-out>{text}</system-out>"
    return f"{start}>{inner}</testcase>"


def _text(text: str) -> str:
    return _IMPOSSIBLE.sub("\ufffd", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(text: str) -> str:
    return '"' + _IMPOSSIBLE.sub("\ufffd", text).translate(_ESCAPES) + '"'
