"""What a plan shows to those who compare it: by section and subject, each property as a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict

from runner.compiler.canonical import Json, canonical
from runner.compiler.plan.amounts import lasting
from runner.compiler.plan.model import Plan, PlanStep, SandboxPlan
from runner.compiler.plan.text import provider, schedules_of, when

#: The properties of one subject as texts; "" for one that is not set.
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


def faces(plan: Plan, fires: Mapping[str, str]) -> dict[str, dict[str, Face]]:
    """By section and subject. `fires` are the next times of each schedule, as one text."""
    steps = [*plan.steps, *(step for step in (plan.on_failure, plan.finally_) if step is not None)]
    return {
        "workflow": {"": _workflow(plan)},
        "inputs": _inputs(plan),
        "outputs": {name: {"value": value} for name, value in plan.outputs.items()},
        "steps": {step.id: _step(step) for step in steps},
        "graph": {f"{upstream} → {step.id}": {} for step in plan.steps for upstream in step.after},
        "sandboxes": {name: _sandbox(sandbox) for name, sandbox in plan.sandboxes.items()},
        "network": dict(_network(plan)),
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
    }


def _listed(value: Json) -> dict[str, Face]:
    """The entries of a map, or of a list by their ids: what they are as texts."""
    pairs: list[tuple[str, Json]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = [(str(one.get("id")), one) for one in value if isinstance(one, dict)]
    return {
        id_: {key: shown(inner) for key, inner in one.items() if key != "id"}
        for id_, one in pairs
        if isinstance(one, dict)
    }


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


def _step(step: PlanStep) -> Face:
    face = {"does": _action(step), "kind": step.kind}
    face |= {name: shown(read(step)) for name, read in _PLAIN}
    face["timeout"] = lasting(step.timeout)
    retry = step.retry
    face["retry"] = shown({**asdict(retry), "on": list(retry.on)}) if retry.attempts > 1 else ""
    face["files"] = "; ".join(f"{copy.source} to {copy.target}" for copy in step.files)
    face["outputs"] = "; ".join(f"{name}: {one.artifact or shown(one.schema)}" for name, one in step.outputs.items())
    for name, part in (
        ("for_each", step.for_each),
        ("repeat", step.repeat),
        ("cache", step.cache),
        ("concurrency", step.concurrency),
    ):
        face[name] = shown(asdict(part)) if part is not None else ""
    return face


def _action(step: PlanStep) -> str:
    """What a step does: the command as it is written, a program, or the rest as JSON."""
    command = step.action.get("command")
    if isinstance(command, str):
        expressions = step.action.get("expressions")
        for name, expression in expressions.items() if isinstance(expressions, dict) else ():
            command = command.replace(f"${{{name}}}", f"${{{{ {str(expression).strip()} }}}}")
        return command
    program = step.action.get("code")
    return program if isinstance(program, str) else shown(step.action)


# ---------------------------------------------------------------- boxes, network, secrets


def _sandbox(sandbox: SandboxPlan) -> Face:
    face = {"provider": provider(sandbox), "scope": sandbox.scope}
    face |= {f"needs.{key}": shown(value) for key, value in sandbox.needs.items() if key != "network"}
    face |= {one.provider: "would do" if one.accepted else f"refused: {one.reason}" for one in sandbox.candidates}
    face["env"] = shown({**sandbox.env})
    return face


def _network(plan: Plan) -> Iterator[tuple[str, Face]]:
    """What boxes may reach: one subject for each host."""
    for name, sandbox in plan.sandboxes.items():
        network = sandbox.needs.get("network")
        hosts = network.get("allow") if isinstance(network, dict) else None
        if network == "*":
            yield f"{name}: everywhere", {}
        for host in hosts if isinstance(hosts, list) else ():
            yield f"{name}: {host}", {}


def _secrets(plan: Plan, steps: list[PlanStep]) -> Iterator[tuple[str, Face]]:
    for secret in plan.secrets:
        yield secret.name, {"env": secret.env}
    for step in steps:
        for used in step.secrets:
            yield f"{used} in {step.id}", {}
