"""The compiler's front door: text in, every finding and a plan out. Pure functions, no clock, network or environment.

The stages: text → tree (`document`) → `shape` → `spec` → `rules` → `plan`.
"""

from __future__ import annotations

from collections.abc import Mapping

from runner.compiler import shape
from runner.compiler.canonical import Json
from runner.compiler.consequences import discreet, news, once
from runner.compiler.diagnostic import Diagnostic, Severity, tidy
from runner.compiler.document import Document, read_all
from runner.compiler.family import Family, name_of
from runner.compiler.ignores import heeded, judged
from runner.compiler.plan.build import build_plan
from runner.compiler.plan.children import sub_workflows
from runner.compiler.plan.model import Plan
from runner.compiler.rules import check_all
from runner.compiler.spec import Workflow
from runner.compiler.suggest import did_you_mean, listed
from runner.compiler.surroundings import ALONE, Surroundings
from runner.errors import UsageError
from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class Compilation:
    """What one text came to: a plan unless there are errors, every finding, sorted, and the text with its tree.

    `workflow` is what the tree means, `name` which of several documents was compiled (None for the only one).
    """

    plan: Plan | None
    diagnostics: list[Diagnostic]
    document: Document
    workflow: Workflow
    name: str | None = None


def check(data: bytes, path: str, around: Surroundings = ALONE) -> list[Diagnostic]:
    """Return every finding about the spec in `data`, all its documents, sorted by place.

    `path` is for the positions, and other files are relative to it. `around` is what else it is checked with.

    Every stage runs as far as it can. After a syntax error the rules keep silent: what they would miss may stand
    in the part that could not be read.
    """
    documents = read_all(data, path)
    return once(_findings(documents, around, _family(documents, around)), path)


def _family(documents: list[Document], around: Surroundings) -> Family:
    def judge(document: Document, family: Family) -> list[Diagnostic]:
        return _findings([document], around, family)

    return Family(documents, around.read, judge)


def _findings(documents: list[Document], around: Surroundings, family: Family) -> list[Diagnostic]:
    """What is found in these documents of one file."""
    found: list[Diagnostic] = []
    for document in documents:
        told = [*document.diagnostics, *shape.check(document)]
        ruled = _rules(document, around, family)
        found += discreet(document, [*told, *news(document, told, ruled)])
    found = tidy(found)
    if any(document.broken or document.root is None for document in documents):
        return judged(found, around.settings)  # what is not read cannot say what is ignored
    return heeded(documents[0].text, documents[0].path, found, around)


def _rules(document: Document, around: Surroundings, family: Family) -> list[Diagnostic]:
    return [] if document.broken or document.root is None else check_all(document, around, family)


def compile_plan(
    data: bytes,
    path: str,
    inputs: Mapping[str, Json] | None = None,
    around: Surroundings = ALONE,
    name: str | None = None,
) -> Compilation:
    """Compile a spec. `path` is shown in findings and kept in the plan; `name` says which of several documents.

    With `inputs=None` the plan knows only defaults, and a matrix that needs more stays symbolic. With a mapping, the
    inputs are those of a run: raises one UsageError that lists every problem with them, and one when `name` does not
    say which document is meant. Errors in the spec raise nothing: they are findings, and `plan` is None.
    """
    documents = read_all(data, path)
    document = _chosen(documents, path, name)
    family = _family(documents, around)
    diagnostics = [one for one in _findings(documents, around, family) if _within(one, document)]
    workflow = family.workflow(document)
    plan = None
    if not any(finding.severity is Severity.ERROR for finding in diagnostics):
        plan = build_plan(document, workflow, inputs, sub_workflows(document, family))
    return Compilation(plan, diagnostics, document, workflow, name)


def workflow_names(data: bytes, path: str) -> list[str]:
    """The names of the workflows in a file, in their order; empty for one that has none. Nothing is checked."""
    return [name_of(document) for document in read_all(data, path)]


def _chosen(documents: list[Document], path: str, name: str | None) -> Document:
    names = [name_of(document) for document in documents]
    if name is None and len(documents) == 1:
        return documents[0]
    if name is None:
        raise UsageError(f"{path} has several workflows: {listed(names, 'and')}", f"say which one: {path}#{names[0]}")
    if name not in names:
        hint = did_you_mean(name, names) or f"it has {listed(names, 'and')}"
        raise UsageError(f"there is no workflow `{name}` in {path}", hint)
    return documents[names.index(name)]


def _within(finding: Diagnostic, document: Document) -> bool:
    last = document.last_line
    return document.first_line <= finding.span.line and (last is None or finding.span.line <= last)


def with_inputs(compiled: Compilation, inputs: Mapping[str, Json]) -> Plan:
    """The plan for a run with these inputs, of a spec that compiled; nothing is read or checked again.

    Raises UsageError that lists every problem with the inputs, ValueError for a spec that has errors.
    """
    if compiled.plan is None:
        raise ValueError("a spec with errors has no plan")
    return build_plan(compiled.document, compiled.workflow, inputs, compiled.plan.workflows)
