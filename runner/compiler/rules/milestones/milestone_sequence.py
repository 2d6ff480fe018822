"""`milestone-sequence`: milestones do not stand in the order of their dates."""

from __future__ import annotations

from itertools import pairwise

from runner.compiler.diagnostic import Diagnostic, Related, warning
from runner.compiler.rules.context import Context
from runner.compiler.rules.milestones.schedule import when

CODE = "milestone-sequence"


def check(context: Context) -> list[Diagnostic]:
    """Milestones stand in the order of time: one that is due before the one above it is mostly a slip."""
    found = []
    for above, milestone in pairwise(context.workflow.milestones):
        earlier, date = when(above), when(milestone)
        if earlier and date and date.before(earlier):
            message = (
                f"the milestone `{milestone.id.value}` ({date.words}) stands below `{above.id.value}`, "
                f"which comes later ({earlier.words})"
            )
            related = (Related(f"`{above.id.value}` has {earlier.words}", earlier.span),)
            found.append(warning(CODE, message, date.span, "correct one of the dates, or exchange them", related))
    return found
