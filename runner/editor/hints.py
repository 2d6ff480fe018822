"""What an editor shows between the words: the provider that a sandbox gets, what a step costs and how long it takes."""

from __future__ import annotations

from dataclasses import dataclass

from runner.compiler.plan.amounts import dollars, lasting
from runner.compiler.plan.model import DEFAULT_SANDBOX
from runner.compiler.plan.workload import sandbox_of
from runner.editor.about import chosen
from runner.editor.analysis import Analysis, Part
from runner.editor.names import occurrences


@dataclass(frozen=True, slots=True)
class Hint:
    """A few words behind a place."""

    line: int
    column: int
    text: str


def hints(analysis: Analysis, first: int, last: int) -> list[Hint]:
    """The hints on the lines from `first` to `last`; none while the text cannot be read."""
    if not analysis.sound:
        return []
    found = [hint for part in analysis.parts for hint in (*_sandboxes(part), *_steps(part, analysis.lines))]
    return sorted((one for one in found if first <= one.line <= last), key=lambda one: (one.line, one.column))


def _sandboxes(part: Part) -> list[Hint]:
    found = []
    for one in occurrences(part):
        if one.kind == "sandbox" and not one.declares and (provider := chosen(part, one.name)):
            found.append(Hint(one.span.end_line, one.span.end_column, f" → {provider}"))
    return found


def _steps(part: Part, lines: list[str]) -> list[Hint]:
    found = []
    for id_, step in part.workflow.steps.items():
        price = part.price.steps.get(id_)
        if price is None or step.span.line > len(lines):
            continue
        words = [f"about {dollars(price.usd.likely)}", lasting(price.seconds.likely)]
        if sandbox_of(part.workflow, step) == DEFAULT_SANDBOX:
            words.insert(0, chosen(part, DEFAULT_SANDBOX).partition(",")[0])
        text = "  " + ", ".join(filter(None, words))
        found.append(Hint(step.span.line, len(lines[step.span.line - 1]) + 1, text))
    return found
