"""`ref-duplicate`: two steps have one number in the plan of people."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Related, warning
from runner.compiler.rules.context import Context
from runner.compiler.spec.model import At
from runner.compiler.spec.read import at_text

CODE = "ref-duplicate"


def check(context: Context) -> list[Diagnostic]:
    """A `ref` is how people call a step: two steps with one `ref` cannot be told apart."""
    first: dict[str, tuple[str, At[str]]] = {}
    found = []
    for step in context.workflow.steps.values():
        at = at_text(step.node.get("ref"))
        if at is None:
            continue
        other, before = first.setdefault(at.value, (step.id, at))
        if before.span != at.span:  # steps made from one template share its `ref`
            message = f"the steps `{other}` and `{step.id}` have one `ref`, `{at.value}`"
            related = (Related(f"`{other}` has it here", before.span),)
            found.append(warning(CODE, message, at.span, "give each step a `ref` of its own", related))
    return found
