"""The rules: one file, one check, one code. `check_all` runs them all on one document.

They stand in chapters, one folder each, whose `RULES` lists their modules.
"""

from __future__ import annotations

from collections.abc import Callable

from runner.compiler.diagnostic import Diagnostic, Span, tidy
from runner.compiler.document import DEFAULT_LIMITS, Document
from runner.compiler.family import Family
from runner.compiler.rules import (
    agents,
    budgets,
    composition,
    expressions,
    graph,
    leftovers,
    milestones,
    names,
    sandboxes,
    schedules,
    secrets,
    shell,
    types,
)
from runner.compiler.rules.context import Context
from runner.compiler.surroundings import ALONE, Surroundings

Rule = Callable[[Context], list[Diagnostic]]

_CHAPTERS = (
    graph,
    names,
    composition,
    types,
    expressions,
    secrets,
    shell,
    sandboxes,
    agents,
    milestones,
    schedules,
    budgets,
    leftovers,
)

#: Every rule by its code, in the order of docs/checks.md.
RULES: dict[str, Rule] = {module.CODE: module.check for chapter in _CHAPTERS for module in chapter.RULES}


def check_all(document: Document, around: Surroundings = ALONE, family: Family | None = None) -> list[Diagnostic]:
    """Every finding of every rule, sorted. Never raises on any tree, however broken.

    `family` are the other workflows of its file and project; without it nothing is said about them.
    """
    context = Context.of(document, around, family)
    most = DEFAULT_LIMITS.findings
    return _once(tidy([finding for rule in RULES.values() for finding in rule(context)[:most]]))


def _once(findings: list[Diagnostic]) -> list[Diagnostic]:
    """Steps that share a text, by a template or an anchor, share its mistake: only the first one is named."""
    first: dict[tuple[str, Span, str], Diagnostic] = {}
    for finding in findings:
        sentence = (finding.message.rpartition(" (in ")[0] or finding.message).partition("; there ")[0]
        first.setdefault((finding.code, finding.span, sentence), finding)
    return list(first.values())
