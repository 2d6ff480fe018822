"""`step-unreachable`: a step waits for one that never runs, so it never runs either."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, Related, warning
from runner.compiler.expressions.scan import references
from runner.compiler.plan.graph import Edge
from runner.compiler.rules.context import Context
from runner.compiler.spec import StepSpec
from runner.compiler.spec.read import scalar_text
from runner.compiler.suggest import MOST_LISTED, listed

CODE = "step-unreachable"


def _never(step: StepSpec) -> bool:
    """It is switched off by `if: false`. A longer condition that is never true is an error of its own."""
    return step.condition is not None and scalar_text(step.condition).strip() == "false"


def _decides_alone(step: StepSpec) -> bool:
    """Its condition looks at how other steps ended, so it may run though they did not succeed."""
    text = scalar_text(step.condition) if step.condition is not None else ""
    return "state" in text and any(
        reference.path[0] == "steps" and reference.path[2:3] == ("state",) for reference in references(text)
    )


def _cut_off(waiting: dict[str, list[Edge]], steps: dict[str, StepSpec], dead: str, seen: set[str]) -> Iterator[Edge]:
    """The edge to what never runs, of each step that waits for `dead` and is not in `seen`, near ones first."""
    todo = [dead]
    for gone in todo:
        for edge in waiting.get(gone, ()):
            if edge.step not in seen and not _decides_alone(steps[edge.step]):
                seen.add(edge.step)
                todo.append(edge.step)
                yield edge


def check(context: Context) -> list[Diagnostic]:
    """What waits for a step whose `if` is false is skipped too, unless its own `if` looks at that step's `state`."""
    steps = context.workflow.steps
    dead = {step.id: step.condition for step in steps.values() if step.condition is not None and _never(step)}
    if not dead:
        return []
    waiting: dict[str, list[Edge]] = {}
    for edge in (edge for edges in context.edges.values() for edge in edges):
        waiting.setdefault(edge.upstream, []).append(edge)
    seen = set(dead)
    found = []
    for id_, condition in dead.items():
        cut_off = list(_cut_off(waiting, steps, id_, seen))
        if cut_off:
            names = [edge.step for edge in cut_off]
            whole = listed(names, "and") if len(names) <= MOST_LISTED else f"`{names[0]}` and {len(names) - 1} more"
            verb = "never runs: it waits" if len(names) == 1 else "never run: they wait"
            message = f"{whole} {verb} for `{id_}`, whose `if` is never true"
            hint = f"remove the `if`, or write one that looks at it: steps.{id_}.state == 'skipped'"
            related = (Related("this is never true", condition.span),)
            found.append(warning(CODE, message, cut_off[0].span, hint, related))
    return found
