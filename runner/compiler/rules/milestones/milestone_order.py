"""`milestone-order`: a milestone is due before a step that it depends on is delivered."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, Related, warning
from runner.compiler.plan.graph import upstream_of
from runner.compiler.rules.context import Context, bounded
from runner.compiler.rules.milestones.schedule import When, when
from runner.compiler.spec import MilestoneDecl

CODE = "milestone-order"
Deliveries = dict[str, tuple[When, MilestoneDecl]]


def _deliveries(context: Context) -> Deliveries:
    """The milestone that first delivers each step, of those with a date."""
    found: Deliveries = {}
    for milestone in context.workflow.milestones:
        date = when(milestone)
        for at in milestone.needs if date else ():
            known = found.get(at.value)
            if date and (known is None or date.before(known[0])):
                found[at.value] = (date, milestone)
    return found


def _late(context: Context, milestone: MilestoneDecl, delivered: Deliveries) -> Iterator[Diagnostic]:
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
                yield warning(CODE, message, at.span, hint, related)


def check(context: Context) -> list[Diagnostic]:
    """What a milestone needs, directly or through other steps, must not be delivered by a later milestone only."""
    delivered = _deliveries(context)
    return bounded(one for milestone in context.workflow.milestones for one in _late(context, milestone, delivered))
