"""What is checked before a run starts: nothing is written and no box is made when one of these refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runner.compiler.plan.model import DEFAULT_SANDBOX, Plan, PlanStep, Secret
from runner.compiler.values import unfit
from runner.errors import SandboxMissing, SpecError, UsageError
from runner.run.boxes import Chooser

#: The kinds of steps that a run can execute.
EXECUTABLE = ("run", "script")
_UNSUPPORTED_KEYS = ("for_each", "repeat")
#: Keys that are checked and planned, and that a run does not heed yet: said before it starts, never passed over.
_UNHEEDED_STEP_KEYS = ("cache", "concurrency", "priority", "idempotent")
_UNHEEDED_KEYS = ("policies", "concurrency", "priority")


def all_steps(plan: Plan) -> list[PlanStep]:
    """The steps, then `on_failure` and `finally` where given."""
    return [*plan.steps, *(step for step in (plan.on_failure, plan.finally_) if step is not None)]


def box_sandboxes(plan: Plan) -> list[str]:
    """The names of the sandboxes that steps run in, in the order of first use."""
    return list(dict.fromkeys(step.sandbox or DEFAULT_SANDBOX for step in all_steps(plan)))


def refuse_unsupported(plan: Plan) -> None:
    """Raise SpecError that lists every step which cannot be executed yet, with its place."""
    details = plan.extra.get("steps")
    found = []
    for step in all_steps(plan):
        more = details.get(step.id) if isinstance(details, dict) else None
        keys = [key for key in _UNSUPPORTED_KEYS if isinstance(more, dict) and key in more]
        what = [f"kind `{step.kind}`"] if step.kind not in EXECUTABLE else []
        what += [f"`{key}`" for key in keys]
        if step.legs is None:
            what.append("a matrix that depends on inputs that were not given")
        if what:
            found.append(f"  {plan.source.get('path', '-')}:{step.line}:{step.column}: {step.id}: {', '.join(what)}")
    if found:
        count = "1 step" if len(found) == 1 else f"{len(found)} steps"
        raise SpecError(
            f"{count} of {plan.name} cannot be executed yet:\n" + "\n".join(found),
            hint="Steps of the kinds `run` and `script` can, also in a matrix; `runner plan` shows the whole plan.",
        )


def unheeded(plan: Plan) -> str:
    """A sentence that names the parts of the spec which a run does not heed yet; empty where there are none."""
    found = [f"`{key}`" for key in _UNHEEDED_KEYS if key in plan.extra]
    details = plan.extra.get("steps")
    steps = details if isinstance(details, dict) else {}
    for key in _UNHEEDED_STEP_KEYS:
        names = [id_ for id_, more in steps.items() if isinstance(more, dict) and key in more]
        if names:
            found.append(f"`{key}` of {', '.join(names)}")
    return f"note: runs do not heed yet: {'; '.join(found)}" if found else ""


def used_secrets(plan: Plan) -> list[Secret]:
    """The secrets that steps or the environments of their sandboxes refer to, in the order of the spec."""
    names = {name for step in all_steps(plan) for name in step.secrets}
    text = "\n".join(value for name in box_sandboxes(plan) for value in plan.sandboxes[name].env.values())
    names |= set(re.findall(r"\bsecrets\s*\.\s*([\w-]+)", text))
    return [secret for secret in plan.secrets if secret.name in names]


def resolve_secrets(plan: Plan, environ: Mapping[str, str]) -> dict[str, str]:
    """The values of the used secrets. Raises UsageError that lists every environment variable that is missing, or that
    holds bytes which are no text.
    """
    used = used_secrets(plan)
    missing = [secret for secret in used if not environ.get(secret.env)]
    if missing:
        listed = ", ".join(f"{secret.env} (secret {secret.name})" for secret in missing)
        raise UsageError(
            f"{plan.name} needs secrets that are not set: {listed}",
            "Set them for this command: " + " ".join(f"{secret.env}=…" for secret in missing) + " runner run …",
        )
    odd = [secret for secret in used if unfit(environ[secret.env])]
    if odd:
        listed = ", ".join(f"{secret.env} (secret {secret.name})" for secret in odd)
        raise UsageError(
            f"these secrets are not UTF-8 text: {listed}", "Hand bytes on in base64; the step decodes them."
        )
    return {secret.name: environ[secret.env] for secret in used}


def refuse_unservable(plan: Plan, decide: Chooser, providers: Mapping[str, object]) -> None:
    """Raise SandboxMissing that lists every sandbox which no provider that is there can serve, with the reasons."""
    found = []
    for name in box_sandboxes(plan):
        candidates = decide(plan.sandboxes[name])
        if not any(each.accepted and each.provider in providers for each in candidates):
            found.append(f"  {name}: " + "; ".join(f"{each.provider}: {each.reason}" for each in candidates))
    if found:
        raise SandboxMissing("no provider can serve now what these sandboxes need:\n" + "\n".join(found))
