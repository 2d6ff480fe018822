"""How the task runs of a plan are called, and how they are found. Imports no Prefect."""

from __future__ import annotations

from runner.compiler.plan.model import Leg, Plan, PlanStep

#: Characters of a title that a name has room for: the pages cut longer names off.
_TITLE = 60


def task_run_name(step: PlanStep, leg: Leg) -> str:
    """`ref key`, then the title where the step has one: `1.2 test[shard=0]: Test`.

    Only ASCII beside the title: the graph in the pages has no other letters.
    """
    title = " ".join(step.title.split())
    title = title if len(title) <= _TITLE else f"{title[: _TITLE - 3]}..."
    name = " ".join(part for part in (step.ref, leg.key) if part)
    return f"{name}: {title}" if title else name


def tags(plan: Plan, step: PlanStep) -> list[str]:
    """How a step's task runs are found in the pages: by phase, owner, kind, the milestones that need it, and whether it
    is the step after a failure, or the one at the end.
    """
    pairs = (("phase", step.phase), ("owner", step.owner), ("kind", step.kind))
    found = [f"{name}:{value}" for name, value in pairs if value]
    found += [name for name, last in (("on_failure", plan.on_failure), ("finally", plan.finally_)) if _is(step, last)]
    return found + [f"milestone:{each.id}" for each in plan.milestones if step.id in each.needs]


def _is(step: PlanStep, last: PlanStep | None) -> bool:
    # By id: a step that runs after a stop is one with other bounds.
    return last is not None and last.id == step.id
