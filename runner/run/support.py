"""What is checked before a run starts: nothing is written and no box is made when one of these refuses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from runner.compiler.plan.model import DEFAULT_SANDBOX, Plan, PlanStep, Secret
from runner.errors import SandboxMissing, SpecError
from runner.run.children import Prepared
from runner.run.supply import Chooser, longest

#: The kinds of steps that a run can execute.
EXECUTABLE = ("run", "script", "workflow", "approve")
#: Those of them that need a box.
IN_BOXES = ("run", "script")


def all_steps(plan: Plan) -> list[PlanStep]:
    """The steps, then `on_failure` and `finally` where given."""
    return [*plan.steps, *(step for step in (plan.on_failure, plan.finally_) if step is not None)]


def box_sandboxes(plan: Plan) -> list[str]:
    """The names of the sandboxes that steps run in, in the order of first use."""
    steps = [step for step in all_steps(plan) if step.kind in IN_BOXES]
    return list(dict.fromkeys(step.sandbox or DEFAULT_SANDBOX for step in steps))


def needs_boxes(plan: Plan, below: Iterable[Prepared]) -> bool:
    """Whether any step needs a box, also in the workflows that steps run."""
    return any(box_sandboxes(each) for each in (plan, *(one.plan for one in below)))


def candidates(plan: Plan, below: Iterable[Prepared]) -> dict[str, bool]:
    """The providers that may serve boxes of the plan and of the workflows that steps run, and whether each is the first
    choice of some sandbox.
    """
    found: dict[str, bool] = {}
    for each in (plan, *(one.plan for one in below)):
        for name in box_sandboxes(each):
            accepted = [one.provider for one in each.sandboxes[name].candidates if one.accepted]
            for place, provider in enumerate(accepted):
                found[provider] = found.get(provider, False) or place == 0
    return found


def refuse_unsupported(plan: Plan, *, given: bool = True) -> None:
    """Raise SpecError that lists every step which cannot be executed yet, with its place.

    `given` is False while the inputs are not known: then a matrix may depend on them.
    """
    found = []
    for step in all_steps(plan):
        what = [f"kind `{step.kind}`"] if step.kind not in EXECUTABLE else []
        if step.legs is None and step.for_each is None and given:
            what.append("a matrix that depends on inputs that were not given")
        if what:
            found.append(f"  {plan.source.get('path', '-')}:{step.line}:{step.column}: {step.id}: {', '.join(what)}")
    if found:
        count = "1 step" if len(found) == 1 else f"{len(found)} steps"
        raise SpecError(
            f"{count} of {plan.name} cannot be executed yet:\n" + "\n".join(found),
            hint="Steps of the kinds `run`, `script`, `workflow`, `approve` can; `runner plan` shows the whole plan.",
        )


def used_secrets(plan: Plan) -> list[Secret]:
    """The secrets that steps or the environments of their sandboxes refer to, in the order of the spec."""
    names = {name for step in all_steps(plan) for name in step.secrets}
    text = "\n".join(value for name in box_sandboxes(plan) for value in plan.sandboxes[name].env.values())
    names |= set(re.findall(r"\bsecrets\s*\.\s*([\w-]+)", text))
    return [secret for secret in plan.secrets if secret.name in names]


def refuse_unservable(plan: Plan, decide: Chooser, providers: Mapping[str, object]) -> None:
    """Raise SandboxMissing that lists every sandbox which no provider that is there can serve, with the reasons."""
    found = []
    for name in box_sandboxes(plan):
        candidates = decide(plan.sandboxes[name], longest(plan, name))
        if not any(each.accepted and each.provider in providers for each in candidates):
            found.append(f"  {name}: " + "; ".join(f"{each.provider}: {each.reason}" for each in candidates))
    if found:
        raise SandboxMissing("no provider can serve now what these sandboxes need:\n" + "\n".join(found))
