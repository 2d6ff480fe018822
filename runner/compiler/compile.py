"""The compiler's front door: text in, every finding and a plan out. Pure functions, no clock, network or environment.

The stages: text → tree (`document`) → `shape` → `spec` → `rules` → `plan`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runner.compiler import shape
from runner.compiler.canonical import Json
from runner.compiler.consequences import news
from runner.compiler.diagnostic import Diagnostic, Severity, tidy
from runner.compiler.document import Document, read
from runner.compiler.ignores import heeded, judged
from runner.compiler.plan.build import build_plan
from runner.compiler.plan.model import Plan
from runner.compiler.rules import check_all
from runner.compiler.spec import build
from runner.compiler.surroundings import ALONE, Surroundings


@dataclass(frozen=True, slots=True)
class Compilation:
    """What one text came to: a plan unless there are errors, every finding, sorted, and the text with its tree."""

    plan: Plan | None
    diagnostics: list[Diagnostic]
    document: Document


def check(data: bytes, path: str, around: Surroundings = ALONE) -> list[Diagnostic]:
    """Return every finding about the spec in `data`, sorted by place.

    `path` is for the positions, and other files are relative to it. `around` is what else it is checked with.

    Every stage runs as far as it can. After a syntax error the rules keep silent: what they would miss may stand
    in the part that could not be read.
    """
    return _findings(read(data, path), around)


def _findings(document: Document, around: Surroundings) -> list[Diagnostic]:
    told = [*document.diagnostics, *shape.check(document)]
    found = tidy([*told, *news(document, told, _rules(document, around))])
    if document.broken or document.root is None:
        return judged(found, around.settings)  # what is not read cannot say what is ignored
    return heeded(document.text, document.path, found, around)


def _rules(document: Document, around: Surroundings) -> list[Diagnostic]:
    return [] if document.broken or document.root is None else check_all(document, around)


def compile_plan(
    data: bytes, path: str, inputs: Mapping[str, Json] | None = None, around: Surroundings = ALONE
) -> Compilation:
    """Compile a spec. `path` is shown in findings and kept in the plan.

    With `inputs=None` the plan knows only defaults, and a matrix that needs more stays symbolic. With a mapping, the
    inputs are those of a run: raises one UsageError that lists every problem with them. Errors in the spec raise
    nothing: they are findings, and `plan` is None.
    """
    document = read(data, path)
    diagnostics = _findings(document, around)
    if any(finding.severity is Severity.ERROR for finding in diagnostics):
        return Compilation(None, diagnostics, document)
    return Compilation(build_plan(document, build(document), inputs), diagnostics, document)


def with_inputs(compiled: Compilation, inputs: Mapping[str, Json]) -> Plan:
    """The plan for a run with these inputs, of a spec that compiled; nothing is read or checked again.

    Raises UsageError that lists every problem with the inputs, ValueError for a spec that has errors.
    """
    if compiled.plan is None:
        raise ValueError("a spec with errors has no plan")
    return build_plan(compiled.document, build(compiled.document), inputs)
