"""`template-circle`: templates use each other in a circle."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Related, error
from runner.compiler.rules.context import Context
from runner.compiler.spec import Layer, StepSpec

CODE = "template-circle"


def check(context: Context) -> list[Diagnostic]:
    """A template must not use itself, not even through others: its step would never be complete."""
    found: list[Diagnostic] = []
    told: set[str] = set()
    for step in context.workflow.template_steps.values():
        path = _path(context, step)
        if path and told.isdisjoint(one.use.value for one in path):
            told |= {one.use.value for one in path}
            names = " → ".join([step.id, *(one.use.value for one in path)])
            related = tuple(Related(f"`{one.use.value}` is used here", one.use.span) for one in path[1:])
            message = f"these templates use each other without end: {names}" if path[1:] else _itself(step)
            hint = "write a step of a kind in one of them" if path[1:] else "write a step of a kind"
            found.append(error(CODE, message, path[0].use.span, hint, related))
    return found


def _itself(step: StepSpec) -> str:
    return f"the template `{step.id}` uses itself"


def _path(context: Context, step: StepSpec) -> list[Layer]:
    """The uses that lead from a template back to itself."""
    path: list[Layer] = []
    at: StepSpec | None = step
    while at is not None and at.layers and len(path) <= len(context.workflow.templates):
        path.append(at.layers[0])
        if path[-1].use.value == step.id:
            return path
        at = context.workflow.template_steps.get(path[-1].use.value)
    return []
