"""The stages in a row: text → tree → shape → spec → rules → plan. All run as far as they can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Diagnostic, Severity, tidy
from runner.compiler.document import Document, read
from runner.compiler.plan.build import build_plan
from runner.compiler.plan.model import Plan
from runner.compiler.rules import check_all
from runner.compiler.spec import build


@dataclass(frozen=True, slots=True)
class Compilation:
    """What one text came to: a plan unless there are errors, and every finding, sorted."""

    plan: Plan | None
    diagnostics: list[Diagnostic]
    document: Document


def findings(document: Document) -> list[Diagnostic]:
    """Everything that is wrong with a document: syntax, shape and rules, sorted, each once."""
    return tidy([*document.diagnostics, *check_all(document)])


def compile_plan(data: bytes, path: str, inputs: Mapping[str, Json] | None = None) -> Compilation:
    """Compile a spec. `path` is shown in findings and kept in the plan.

    With `inputs=None` the plan knows only defaults, and a matrix that needs more stays symbolic. With a mapping, the
    inputs are those of a run: raises one UsageError that lists every problem with them. Errors in the spec raise
    nothing: they are findings, and `plan` is None.
    """
    document = read(data, path)
    diagnostics = findings(document)
    if any(finding.severity is Severity.ERROR for finding in diagnostics):
        return Compilation(None, diagnostics, document)
    return Compilation(build_plan(document, build(document), inputs), diagnostics, document)
