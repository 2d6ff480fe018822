"""`milestone-duplicate`: two milestones have one id."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Related, Span, error
from runner.compiler.rules.context import Context

CODE = "milestone-duplicate"


def check(context: Context) -> list[Diagnostic]:
    """The ids of milestones must differ."""
    first: dict[str, Span] = {}
    found = []
    for milestone in context.workflow.milestones:
        at = milestone.id
        if at.value and at.value in first:
            related = (Related("the first one is here", first[at.value]),)
            found.append(
                error(CODE, f"two milestones have the id `{at.value}`", at.span, "rename one of them", related)
            )
        first.setdefault(at.value, at.span)
    return found
