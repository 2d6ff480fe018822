"""When milestones are due, in a form that can be compared."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.diagnostic import Span
from runner.compiler.plan.graph import Edge, upstream_of
from runner.compiler.spec import MilestoneDecl, Workflow
from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class When:
    """A date or a week. Only those of one `kind` (`due` or `week`) can be compared, by `order`; `words` is for people,
    `span` where it is written.
    """

    kind: str
    order: str
    words: str
    span: Span

    def before(self, other: When) -> bool:
        """Whether it is known to be earlier."""
        return self.kind == other.kind and self.order < other.order


def when(milestone: MilestoneDecl) -> When | None:
    """When it is due; None for a milestone without a date."""
    if milestone.due is not None:
        return When("due", milestone.due.value, f"due {milestone.due.value}", milestone.due.span)
    if milestone.week is not None:
        week = milestone.week.value
        return When("week", f"{week:09d}", f"week {week}", milestone.week.span)
    return None


def covered(workflow: Workflow, edges: dict[str, list[Edge]]) -> set[str]:
    """The steps that some milestone needs, directly or through other steps."""
    found: set[str] = set()
    for milestone in workflow.milestones:
        for at in milestone.needs:
            found |= {at.value, *upstream_of(edges, at.value)}
    return found


def shares(workflow: Workflow) -> Iterator[tuple[MilestoneDecl, list[str]]]:
    """Each milestone with the steps that it is the first to need, in the order of the spec."""
    seen: set[str] = set()
    for milestone in sorted_by_time(workflow):
        mine = [at.value for at in milestone.needs if at.value in workflow.steps and at.value not in seen]
        seen.update(mine)
        yield milestone, mine


def sorted_by_time(workflow: Workflow) -> list[MilestoneDecl]:
    """The milestones, early ones first if all of them can be compared, else as written."""
    dates = [when(milestone) for milestone in workflow.milestones]
    if len({at.kind if at else "" for at in dates}) > 1:
        return list(workflow.milestones)
    return sorted(workflow.milestones, key=lambda one: at.order if (at := when(one)) else "")
