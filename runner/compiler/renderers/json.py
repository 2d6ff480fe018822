"""Findings as one JSON array, see schemas/diagnostics.v1.schema.json."""

from __future__ import annotations

import json
from dataclasses import asdict

from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Diagnostic
from runner.compiler.renderers.report import Report


def render(report: Report, *, colour: bool = False) -> str:
    """Return the array as text, one finding a line; `colour` means nothing here."""
    lines = [json.dumps(as_json(diagnostic), ensure_ascii=False) for diagnostic in report.diagnostics]
    return "[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n"


def as_json(diagnostic: Diagnostic) -> dict[str, Json]:
    """Return one finding as plain data; lines and columns from 1, the end exclusive."""
    fix = diagnostic.fix
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
        **asdict(diagnostic.span),
        "related": [{"message": related.message, **asdict(related.span)} for related in diagnostic.related],
        "fix": None
        if fix is None
        else {"message": fix.message, "replacement": fix.replacement, "safe": fix.safe, **asdict(fix.span)},
    }
