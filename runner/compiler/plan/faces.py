"""What a plan shows to those who compare it: by section and subject, each property as a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict

from runner.compiler.canonical import Json, canonical
from runner.compiler.plan.amounts import lasting
from runner.compiler.plan.model import FileCopy, Plan, PlanStep, Retry, SandboxPlan
from runner.compiler.plan.text import provider, schedules_of, when

_SECRET = re.compile(r"\bsecrets\s*\.\s*([\w-]+)")
#: The properties of one subject as texts; "" for one that is not set. Those whose names begin with `_` are never
#: shown: they help to weigh the others.
Face = Mapping[str, str]

SECTIONS = (
    "workflow",
    "inputs",
    "outputs",
    "steps",
    "graph",
    "sandboxes",
    "network",
    "secrets",
    "agents",
    "policies",
    "schedules",
    "triggers",
    "milestones",
)


def faces(plan: Plan, fires: Mapping[str, str], steps_of_both: Collection[str]) -> dict[str, dict[str, Face]]:
    """By section and subject. `fires` are the next times of each schedule, as one text; `steps_of_both` are the ids of
    the steps that the plan shares with the one it is compared with.
    """
    steps = [*plan.steps, *(step for step in (plan.on_failure, plan.finally_) if step is not None)]
    behind = _behind(plan)
    guards = {id_: ", ".join(one for one in found if one in steps_of_both) for id_, found in behind.items()}
    return {
        "workflow": {"": _workflow(plan)},
        "inputs": _inputs(plan),
        "outputs": {name: {"value": value} for name, value in plan.outputs.items()},
        "steps": {step.id: _step(plan, step, guards.get(step.id, "")) for step in steps},
        "graph": {f"{upstream} → {step.id}": {} for step in plan.steps for upstream in step.after},
        "sandboxes": {name: _sandbox(plan, sandbox) for name, sandbox in plan.sandboxes.items()},
        "network": {f"{name}: {host}": {} for name, one in plan.sandboxes.items() for host in one.reach},
        "secrets": dict(_secrets(plan, steps)),
        "agents": _listed(plan.extra.get("agents")),
        "policies": _listed(plan.extra.get("policies")),
        "schedules": {str(one.get("id")): _schedule(one, fires) for one in schedules_of(plan)},
        "triggers": _listed(plan.extra.get("triggers")),
        "milestones": {
            one.id: {
                "due": one.due or (f"week {one.week}" if one.week else ""),
                "title": one.title,
                "needs": ", ".join(one.needs),
                "accept": "; ".join(one.accept),
            }
            for one in plan.milestones
        },
    }


def shown(value: Json) -> str:
    """A value as text: as it is, or as JSON; nothing for what is not set."""
    if value is None or value in ("", [], {}):
        return ""
    return value if isinstance(value, str) else canonical(value).decode()


def _workflow(plan: Plan) -> Face:
    return {
        "name": plan.name,
        "title": plan.title,
        "description": plan.description,
        "concurrency": shown(asdict(plan.concurrency)) if plan.concurrency else "",
        "priority": str(plan.priority or ""),
        **{key: shown(plan.extra.get(key)) for key in ("labels", "phases", "risks", "tests")},
    }


def _listed(value: Json) -> dict[str, Face]:
    """The entries of a map, or of a list by their ids: what they are as texts."""
    pairs: list[tuple[str, Json]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = [(str(one.get("id")), one) for one in value if isinstance(one, dict)]
    return {
        id_: _flat({key: inner for key, inner in one.items() if key != "id"})
        for id_, one in pairs
        if isinstance(one, dict)
    }


def _flat(value: Mapping[str, Json]) -> Face:
    """The properties of a subject; those of its `budget` one by one."""
    found: dict[str, str] = {}
    for key, inner in value.items():
        if key == "budget" and isinstance(inner, dict):
            found |= {f"budget.{limit}": shown(most) for limit, most in inner.items()}
        else:
            found[key] = shown(inner)
    return found


def _inputs(plan: Plan) -> dict[str, Face]:
    required = plan.inputs_schema.get("required")
    needed = required if isinstance(required, list) else []
    found: dict[str, Face] = {}
    for name, face in _listed(plan.inputs_schema.get("properties")).items():
        found[name] = {"type": face.get("type", ""), "required": "required" if name in needed else "", **face}
    return found


def _schedule(one: Mapping[str, Json], fires: Mapping[str, str]) -> Face:
    return {
        "when": when(one),
        "next": fires.get(str(one.get("id")), ""),
        "inputs": shown(one.get("inputs")),
        "active": "no" if one.get("active") is False else "yes",
    }


# ---------------------------------------------------------------- steps

_PLAIN: tuple[tuple[str, Callable[[PlanStep], Json]], ...] = (
    ("if", lambda step: step.condition),
    ("title", lambda step: step.title),
    ("owner", lambda step: step.owner),
    ("phase", lambda step: step.phase),
    ("sandbox", lambda step: step.sandbox),
    ("matrix", lambda step: step.matrix_source),
    ("legs", lambda step: str(len(step.legs)) if step.is_matrix and step.legs is not None else None),
    ("env", lambda step: {**step.env}),
    ("stdin", lambda step: step.stdin),
    ("cwd", lambda step: step.cwd),
    ("params", lambda step: [dict(layer) for layer in step.params]),
    ("allow_failure", lambda step: "yes" if step.allow_failure else None),
    ("idempotent", lambda step: None if step.idempotent else "no"),
    ("priority", lambda step: step.priority or None),
)


def _behind(plan: Plan) -> dict[str, list[str]]:
    """By approval, the steps that wait for it, however many steps are between."""
    found: dict[str, list[str]] = {step.id: [] for step in plan.steps if step.kind == "approve"}
    waits: dict[str, set[str]] = {}
    for step in plan.steps:
        waits[step.id] = set(step.after).union(*(waits[id_] for id_ in step.after))
        for id_ in sorted(waits[step.id] & found.keys()):
            found[id_].append(step.id)
    return found


def _step(plan: Plan, step: PlanStep, guards: str) -> Face:
    face = {**_action(step), "kind": step.kind, "guards": guards}
    face |= {name: shown(read(step)) for name, read in _PLAIN}
    if step.kind != "approve":  # its own is a part of what it does
        face["timeout"] = lasting(step.timeout)
        face["retry"] = _retry(step.retry)
    face["files"] = "; ".join(_files(copy) for copy in step.files)
    face["outputs"] = "; ".join(f"{name}: {one.artifact or shown(one.schema)}" for name, one in step.outputs.items())
    for name, part in (
        ("for_each", step.for_each),
        ("repeat", step.repeat),
        ("cache", step.cache),
        ("concurrency", step.concurrency),
    ):
        face[name] = shown(asdict(part)) if part is not None else ""
    more = plan.extra.get("steps")
    about = more.get(step.id) if isinstance(more, dict) else None
    face |= _flat(about) if isinstance(about, dict) else {}
    box = plan.sandboxes.get(step.sandbox or "")
    face["_reach"] = canonical(list(box.reach) if box else []).decode()
    face["_secrets"] = ", ".join(step.secrets)
    return face


def _action(step: PlanStep) -> Face:
    """What a step does: the command as it is written, a program, or the parts of another kind."""
    command = step.action.get("command")
    if isinstance(command, str):
        expressions = step.action.get("expressions")
        for name, expression in expressions.items() if isinstance(expressions, dict) else ():
            command = command.replace(f"${{{name}}}", f"${{{{ {str(expression).strip()} }}}}")
        return {"does": command}
    program = step.action.get("code")
    if isinstance(program, str):
        return {"does": program, "language": shown(step.action.get("language"))}
    return {key: shown(value) for key, value in step.action.items()}


def _retry(retry: Retry) -> str:
    if retry.attempts <= 1:
        return ""
    usual = Retry()
    on = f", on {', '.join(retry.on)}" if retry.on != usual.on else ""
    jitter = f", jitter {retry.jitter:g}" if retry.jitter != usual.jitter else ""
    return (
        f"{retry.attempts} attempts, {retry.backoff}, {lasting(retry.delay)} to {lasting(retry.max_delay)}{on}{jitter}"
    )


def _files(copy: FileCopy) -> str:
    only = f" only {', '.join(copy.include)}" if copy.include else ""
    without = f" without {', '.join(copy.exclude)}" if copy.exclude else ""
    return f"{copy.source} to {copy.target}{only}{without}"


# ---------------------------------------------------------------- boxes, network, secrets


def _sandbox(plan: Plan, sandbox: SandboxPlan) -> Face:
    more = plan.extra.get("sandboxes")
    limits = more.get(sandbox.name) if isinstance(more, dict) else None
    face = {"provider": provider(sandbox), "scope": sandbox.scope}
    face |= {f"needs.{key}": shown(value) for key, value in sandbox.needs.items() if key != "network"}
    face |= {one.provider: "would do" if one.accepted else f"refused: {one.reason}" for one in sandbox.candidates}
    face["env"] = shown({**sandbox.env})
    return {**face, **(_flat(limits) if isinstance(limits, dict) else {})}


def _secrets(plan: Plan, steps: list[PlanStep]) -> Iterator[tuple[str, Face]]:
    for secret in plan.secrets:
        yield secret.name, {"env": secret.env}
    for step in steps:
        for used in step.secrets:
            yield f"{used} in {step.id}", {}
    for name, sandbox in plan.sandboxes.items():
        for used in sorted(set(_SECRET.findall("\n".join(sandbox.env.values())))):
            yield f"{used} in all of {name}", {}
