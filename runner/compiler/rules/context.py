"""What every rule gets: the document, the workflow in it, and its graph, each made once."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from itertools import islice

from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Diagnostic, Fix, error
from runner.compiler.document import DEFAULT_LIMITS, Document
from runner.compiler.document.scalars import spelled
from runner.compiler.family import Family
from runner.compiler.plan.graph import Edge, all_edges
from runner.compiler.rules.examined import Examined, examine
from runner.compiler.spec import Workflow, build
from runner.compiler.spec.model import At
from runner.compiler.suggest import MOST_LISTED, certain, existing, nearest
from runner.compiler.surroundings import ALONE, Surroundings
from runner.records import dataclass

#: The family of a document that stands alone.
_ALONE = Family([Document("", "", None, ())], None, lambda _document, _family: [])


@dataclass(frozen=True)
class Context:
    """A document under examination."""

    document: Document
    workflow: Workflow
    around: Surroundings = ALONE
    family: Family = _ALONE

    @staticmethod
    def of(document: Document, around: Surroundings = ALONE, family: Family | None = None) -> Context:
        """The context of a document, in its family: without one, nothing is known about other workflows."""
        if family is None:
            return Context(document, build(document), around)
        return Context(document, family.workflow(document), around, family)

    @cached_property
    def matrix_rows(self) -> dict[int, list[dict[str, Json]] | None]:
        """The rows of matrices by their identity, as far as a rule asked for them; see `types.matrix_values`."""
        return {}

    @cached_property
    def edges(self) -> dict[str, list[Edge]]:
        """Edges by step id, implied ones too."""
        return all_edges(self.workflow)

    @cached_property
    def verdicts(self) -> dict[int, list[Examined]]:
        """The same by the identity of the text that holds them."""
        found: dict[int, list[Examined]] = {}
        for one in self.examined:
            found.setdefault(id(one.found.use.node), []).append(one)
        return found

    @cached_property
    def examined(self) -> list[Examined]:
        """Every expression with its verdict."""
        return examine(self.workflow, self.edges)


def bounded(findings: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The first findings, as many as anybody reads; those behind them are not made, each may cost a search."""
    return list(islice(findings, DEFAULT_LIMITS.findings))


def unknown(code: str, what: str, at: At[str], allowed: list[str], how: str) -> Diagnostic:
    """`at` names nothing: say what exists, and what was probably meant. `how` tells how to declare one."""
    near = nearest(at.value, allowed)
    hint = f"did you mean `{near[0]}`?" if near else how
    listed = existing(sorted(allowed)) if len(allowed) <= MOST_LISTED else ""
    names = f"; {listed}" if listed else ""
    fix = _replacement(at, near[0], sure=certain(at.value, allowed)) if near else None
    return error(code, f"{what} `{at.value}` does not exist{names}", at.span, hint, fix=fix)


def _replacement(at: At[str], word: str, *, sure: bool) -> Fix:
    return Fix(f"replace it by `{word}`", at.span, spelled(word), sure)
