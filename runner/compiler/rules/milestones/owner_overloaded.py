"""`owner-overloaded`: one owner has more steps for one milestone than they could do."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Related, Span, warning
from runner.compiler.rules.context import Context
from runner.compiler.rules.milestones.schedule import shares
from runner.compiler.spec import Workflow

CODE = "owner-overloaded"
_SHOWN = 3  # steps that are pointed at


def _loads(workflow: Workflow, human: set[str]) -> dict[tuple[str, str], list[str]]:
    """The steps of each person by owner and milestone; those that a milestone before needs are that one's."""
    loads: dict[tuple[str, str], list[str]] = {}
    for milestone, ids in shares(workflow):
        for id_ in ids:
            owner = workflow.steps[id_].owner
            if owner is not None and owner.value in human:
                loads.setdefault((owner.value, milestone.id.value), []).append(id_)
    return loads


def check(context: Context) -> list[Diagnostic]:
    """A person should own at most `owner_load` steps (8, or as `runner.toml` says) between two milestones."""
    workflow = context.workflow
    most = context.around.settings.owner_load
    human = {agent.id for agent in workflow.agents.values() if agent.human}
    places: dict[str, Span] = {one.id.value: one.id.span for one in workflow.milestones}
    found = []
    for (owner, milestone), ids in _loads(workflow, human).items() if human else ():
        if len(ids) > most:
            message = f"`{owner}` owns {len(ids)} steps of the milestone `{milestone}`; more than {most} are too many"
            related = tuple(Related(f"`{id_}` is one of them", workflow.steps[id_].span) for id_ in ids[:_SHOWN])
            hint = "give some to another owner or milestone; `owner_load` in runner.toml changes the limit"
            found.append(warning(CODE, message, places[milestone], hint, related))
    return found
