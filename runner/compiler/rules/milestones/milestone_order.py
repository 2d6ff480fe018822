"""`milestone-order`: a milestone is due before a step that it depends on is delivered."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, Related, warning
from runner.compiler.plan.graph import upstream_of
from runner.compiler.rules.context import Context, bounded
from runner.compiler.rules.milestones.schedule import When, when
from runner.compiler.spec import MilestoneDecl
from runner.compiler.spec.model import At

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
        waits = [(id_, delivered[id_]) for id_ in sorted(upstream_of(context.edges, at.value)) if id_ in delivered]
        late = [(id_, later) for id_, later in waits if date and date.before(later[0])]
        if date and late:
            yield _finding(milestone, date, at, late)


def _finding(
    milestone: MilestoneDecl, date: When, at: At[str], late: list[tuple[str, tuple[When, MilestoneDecl]]]
) -> Diagnostic:
    """One for each step that a milestone needs, whatever the number of steps that it waits for."""
    id_, last = late[0]
    for name, later in late[1:]:
        if last[0].before(later[0]):
            id_, last = name, later
    among = f" and {len(late) - 1} more" if len(late) > 1 else ""
    message = (
        f"the milestone `{milestone.id.value}` ({date.words}) needs `{at.value}`, which waits for "
        f"`{id_}`{among}, and that is delivered only by `{last[1].id.value}` ({last[0].words})"
    )
    hint = f"deliver `{id_}` earlier, or move `{milestone.id.value}` to {last[0].words.removeprefix('due ')} or after"
    related = tuple(Related(f"`{later[1].id.value}` delivers `{name}`", later[1].id.span) for name, later in late)
    return warning(CODE, message, at.span, hint, related)


def check(context: Context) -> list[Diagnostic]:
    """What a milestone needs, directly or through other steps, must not be delivered by a later milestone only."""
    delivered = _deliveries(context)
    return bounded(one for milestone in context.workflow.milestones for one in _late(context, milestone, delivered))
