"""`milestone-order`: a milestone is due before a step that it depends on is delivered."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Related, warning
from runner.compiler.plan.graph import upstream_of
from runner.compiler.rules.context import Context
from runner.compiler.spec import MilestoneDecl

CODE = "milestone-order"
When = tuple[str, str, str]


def _when(milestone: MilestoneDecl) -> When | None:
    """A date that can be compared with those of the same kind, and words for it."""
    if milestone.due is not None:
        return ("due", milestone.due.value, f"due {milestone.due.value}")
    return ("week", f"{milestone.week.value:09d}", f"week {milestone.week.value}") if milestone.week else None


def _deliveries(context: Context) -> dict[str, tuple[When, MilestoneDecl]]:
    """The milestone that first delivers each step, of those with a date."""
    found: dict[str, tuple[When, MilestoneDecl]] = {}
    for milestone in context.workflow.milestones:
        when = _when(milestone)
        for at in milestone.needs if when else ():
            known = found.get(at.value)
            if when and (known is None or (known[0][0] == when[0] and when[1] < known[0][1])):
                found[at.value] = (when, milestone)
    return found


def check(context: Context) -> list[Diagnostic]:
    """What a milestone needs, directly or through other steps, must not be delivered by a later milestone only."""
    delivered = _deliveries(context)
    found = []
    for milestone in context.workflow.milestones:
        when = _when(milestone)
        for at in milestone.needs if when else ():
            for id_ in sorted(upstream_of(context.edges, at.value)):
                later = delivered.get(id_)
                if when and later and later[0][0] == when[0] and later[0][1] > when[1]:
                    message = (
                        f"the milestone `{milestone.id.value}` ({when[2]}) needs `{at.value}`, which waits for "
                        f"`{id_}`, and that is delivered only by `{later[1].id.value}` ({later[0][2]})"
                    )
                    hint = f"deliver `{id_}` earlier, or move `{milestone.id.value}` to {later[0][2]} or after"
                    related = (Related(f"`{later[1].id.value}` delivers `{id_}`", later[1].id.span),)
                    found.append(warning(CODE, message, at.span, hint, related))
    return found
