"""Findings as SARIF 2.1.0, the OASIS standard for results of static analysis; code scanning pages read it.

Columns count characters (`columnKind`), ends are exclusive as in our spans. Paths are relative to the root of the
sources (`%SRCROOT%`). A fingerprint has no line numbers: it says which finding is the same one in another
version of the file.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from urllib.parse import quote

from runner import __version__
from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Diagnostic, Fix, Severity, Span
from runner.compiler.handbook import sections
from runner.compiler.renderers.report import Report

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def render(report: Report, *, colour: bool = False) -> str:
    """Return one log with one run; `colour` means nothing here."""
    codes = sorted({found.code for found in report.diagnostics})
    driver: dict[str, Json] = {
        "name": "runner",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [_rule(code) for code in codes],
    }
    seen: Counter[str] = Counter()
    run: dict[str, Json] = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The folder in which runner was called."}}},
        "artifacts": [{"location": _location(path)} for path in report.paths],
        "results": [_result(found, codes.index(found.code), seen) for found in report.diagnostics],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rule(code: str) -> Json:
    """A check: a page that shows findings shows its section of docs/checks.md beside them."""
    name = "".join(word.capitalize() for word in code.split("-"))
    rule: dict[str, Json] = {"id": code, "name": name}
    advice: dict[str, Json] = {"text": f"What it means, with an example: runner explain {code}"}
    section = sections().get(code)
    if section is not None:
        rule["shortDescription"] = {"text": section.summary}
        advice["markdown"] = section.text
    return {**rule, "help": advice}


def _result(found: Diagnostic, rule: int, seen: Counter[str]) -> Json:
    message = " ".join(_sentence(part) for part in (found.message, found.hint) if part)
    result: dict[str, Json] = {
        "ruleId": found.code,
        "ruleIndex": rule,
        "level": _LEVELS[found.severity],
        "message": {"text": message},
        "locations": [{"physicalLocation": _place(found.span)}],
        "partialFingerprints": {"runnerFinding/v1": _fingerprint(found, seen)},
    }
    if found.related:
        result["relatedLocations"] = [
            {"id": number, "message": {"text": _sentence(one.message)}, "physicalLocation": _place(one.span)}
            for number, one in enumerate(found.related)
        ]
    if found.fix:
        result["fixes"] = [_fix(found.fix)]
    return result


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def _fingerprint(found: Diagnostic, seen: Counter[str]) -> str:
    what = f"{found.code}\0{found.span.path}\0{found.message}".encode("utf-8", "replace")
    key = hashlib.sha256(what).hexdigest()[:32]
    seen[key] += 1
    return f"{key}:{seen[key]}"


def _location(path: str) -> dict[str, Json]:
    uri = quote(path.replace("\\", "/"), safe="/:", errors="replace")
    if path.startswith("/"):
        return {"uri": f"file://{uri}"}
    return {"uri": uri.removeprefix("./"), "uriBaseId": "%SRCROOT%"}


def _place(span: Span) -> dict[str, Json]:
    return {"artifactLocation": _location(span.path), "region": _region(span)}


def _region(span: Span) -> dict[str, Json]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _fix(fix: Fix) -> Json:
    replacement: dict[str, Json] = {
        "deletedRegion": _region(fix.span),
        "insertedContent": {"text": fix.replacement},
    }
    change: dict[str, Json] = {"artifactLocation": _location(fix.span.path), "replacements": [replacement]}
    return {"description": {"text": _sentence(fix.message)}, "artifactChanges": [change]}
