"""`milestone-undated`: a milestone without a date among dated ones."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Severity, warning
from runner.compiler.rules.context import Context
from runner.compiler.rules.milestones.schedule import when

CODE = "milestone-undated"


def check(context: Context) -> list[Diagnostic]:
    """Where milestones have dates all of them should, and of one kind: others cannot be compared with them."""
    milestones = context.workflow.milestones
    kinds = [date.kind for date in map(when, milestones) if date is not None]
    if not kinds:
        return []
    usual = max(sorted(set(kinds)), key=kinds.count)
    found = []
    for milestone in milestones:
        date = when(milestone)
        if date is None:
            message = f"the milestone `{milestone.id.value}` has no date, others have"
            found.append(Diagnostic(CODE, Severity.INFO, message, milestone.id.span, f"add `{usual}`"))
        elif date.kind != usual:
            message = f"the milestone `{milestone.id.value}` has `{date.kind}`, others have `{usual}`: which is first?"
            found.append(warning(CODE, message, date.span, f"write `{usual}` for all of them"))
    return found
