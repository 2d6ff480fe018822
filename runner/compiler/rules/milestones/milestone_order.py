"""`milestone-order`: a milestone is due before a step that it depends on is delivered."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Related, warning
from runner.compiler.plan.graph import upstream_of
from runner.compiler.rules.context import Context
from runner.compiler.rules.milestones.schedule import When, when
from runner.compiler.spec import MilestoneDecl

CODE = "milestone-order"


def _deliveries(context: Context) -> dict[str, tuple[When, MilestoneDecl]]:
    """The milestone that first delivers each step, of those with a date."""
    found: dict[str, tuple[When, MilestoneDecl]] = {}
    for milestone in context.workflow.milestones:
        date = when(milestone)
        for at in milestone.needs if date else ():
            known = found.get(at.value)
            if date and (known is None or date.before(known[0])):
                found[at.value] = (date, milestone)
    return found


def check(context: Context) -> list[Diagnostic]:
    """What a milestone needs, directly or through other steps, must not be delivered by a later milestone only."""
    delivered = _deliveries(context)
    found = []
    for milestone in context.workflow.milestones:
        date = when(milestone)
        for at in milestone.needs if date else ():
            for id_ in sorted(upstream_of(context.edges, at.value)):
                later = delivered.get(id_)
                if date and later and date.before(later[0]):
                    message = (
                        f"the milestone `{milestone.id.value}` ({date.words}) needs `{at.value}`, which waits for "
                        f"`{id_}`, and that is delivered only by `{later[1].id.value}` ({later[0].words})"
                    )
                    then = later[0].words.removeprefix("due ")
                    hint = f"deliver `{id_}` earlier, or move `{milestone.id.value}` to {then} or after"
                    related = (Related(f"`{later[1].id.value}` delivers `{id_}`", later[1].id.span),)
                    found.append(warning(CODE, message, at.span, hint, related))
    return found
