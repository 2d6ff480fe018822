"""Everything that a plan's steps run as workflows of their own, made ready before anything starts."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import replace

from runner.compiler.compile import compile_plan
from runner.compiler.plan.model import Plan, Secret, SubWorkflow
from runner.compiler.surroundings import ALONE, Settings, Surroundings, Unreadable
from runner.compiler.values import unfit
from runner.errors import SpecError, UsageError
from runner.run import support
from runner.run.children import Prepared


def prepare(
    plan: Plan, environ: Mapping[str, str], settings: Settings = ALONE.settings
) -> tuple[dict[str, str], dict[str, Prepared]]:
    """The plan's secrets by name, and the workflows that its steps run, and theirs, by `children.key_of`.

    What was checked is what runs: they are compiled from the texts in the plan, with the `settings` that the plan was
    compiled with. Raises SpecError for steps that cannot be executed and for workflows with errors (a circle of them is
    one), UsageError that lists every secret which is missing, in whatever workflow.
    """
    support.refuse_unsupported(plan)
    _refuse_unknown(plan)
    compiled = {_located(plan, key): _compiled(one, plan, settings) for key, one in plan.workflows.items()}
    for below in compiled.values():
        support.refuse_unsupported(below.plan, given=False)
    family = [plan, *(one.plan for one in compiled.values())]
    _check_secrets(family, environ)
    return _values(plan, environ), {
        key: replace(one, secrets=_values(one.plan, environ)) for key, one in compiled.items()
    }


def _compiled(one: SubWorkflow, plan: Plan, settings: Settings) -> Prepared:
    texts = {_located(plan, each.path): each.text for each in plan.workflows.values()}
    path = _located(plan, one.path)

    def read(path: str) -> bytes | Unreadable:
        return texts[path].encode() if path in texts else Unreadable("it is not part of the plan")

    found = compile_plan(one.text.encode(), path, None, Surroundings(settings, read), one.name or None)
    if found.plan is None:
        raise SpecError(f"{path} has errors", found.diagnostics, f"runner validate {path}")
    return Prepared(found, found.plan, {})


def _refuse_unknown(plan: Plan) -> None:
    """Raise SpecError for a step whose workflow the plan does not hold: the spec was compiled without its files."""
    for step in support.all_steps(plan):
        if step.kind == "workflow" and str(step.action["path"]) not in plan.workflows:
            raise SpecError(
                f"{plan.name}: the step {step.id} runs {step.action['path']}, and only the spec itself was given",
                hint="Name the spec's file: a spec from standard input has no folder in which others could be found.",
            )


def _located(plan: Plan, key: str) -> str:
    """A path from the folder of the plan's spec, as from the working folder."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(plan.source.get("path", "")), key))


# ---------------------------------------------------------------- secrets


def _used(family: list[Plan]) -> list[tuple[Plan, Secret]]:
    return [(plan, secret) for plan in family for secret in support.used_secrets(plan)]


def _check_secrets(family: list[Plan], environ: Mapping[str, str]) -> None:
    used = _used(family)
    missing = {secret.env: f"{secret.env} (secret {secret.name})" for _, secret in used if not environ.get(secret.env)}
    if missing:
        raise UsageError(
            f"{family[0].name} needs secrets that are not set: {', '.join(missing.values())}",
            "Set them for this command: " + " ".join(f"{env}=…" for env in missing) + " runner run …",
        )
    odd = {secret.env: f"{secret.env} (secret {secret.name})" for _, secret in used if unfit(environ[secret.env])}
    if odd:
        raise UsageError(
            f"these secrets are not UTF-8 text: {', '.join(odd.values())}",
            "Hand bytes on in base64; the step decodes them.",
        )


def _values(plan: Plan, environ: Mapping[str, str]) -> dict[str, str]:
    return {secret.name: environ[secret.env] for secret in support.used_secrets(plan)}
