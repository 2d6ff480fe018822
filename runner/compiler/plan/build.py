"""A checked workflow and its inputs to a `Plan`. Only called when no rule found an error."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from runner.compiler.canonical import Json
from runner.compiler.document import Document
from runner.compiler.document import Mapping as MappingNode
from runner.compiler.expressions.scan import masked
from runner.compiler.expressions.shell import rewrite
from runner.compiler.expressions.uses import step_references
from runner.compiler.inputs import complete, defaults, inputs_schema
from runner.compiler.plan import parts
from runner.compiler.plan.children import key_of
from runner.compiler.plan.choose import choose
from runner.compiler.plan.graph import all_edges, order, waves
from runner.compiler.plan.matrix import MOST_LEGS, legs
from runner.compiler.plan.model import (
    DEFAULT_SANDBOX,
    FileCopy,
    Leg,
    Milestone,
    OutputDecl,
    Plan,
    PlanStep,
    Retry,
    SandboxPlan,
    Secret,
    StepKind,
    SubWorkflow,
)
from runner.compiler.plan.price import price
from runner.compiler.plan.relatives import relatives
from runner.compiler.plan.rows import matrix_rows
from runner.compiler.plan.wire import sealed
from runner.compiler.plan.workload import sandbox_of
from runner.compiler.spec.build import normal_needs
from runner.compiler.spec.model import MatrixDecl, OutputSpec, StepSpec, Workflow
from runner.compiler.spec.read import plain, plain_map, scalar_text, text
from runner.errors import ExpressionFailed, UsageError

_EXTRA = (
    "labels",
    "phases",
    "agents",
    "policies",
    "schedules",
    "triggers",
    "risks",
    "tests",
)
_STEP_EXTRA = ("description",)
_SANDBOX_EXTRA = ("budget", "timeout")
_STATE = re.compile(r"(?<![\w.])steps\s*\.\s*[\w-]+\s*\.\s*state(?!\w)")
_BACKOFFS: dict[str, Literal["none", "fixed", "linear", "exponential"]] = {
    "none": "none",
    "fixed": "fixed",
    "linear": "linear",
    "exponential": "exponential",
}
_KINDS: dict[str, StepKind] = {
    "script": "script",
    "agent": "agent",
    "tool": "tool",
    "approve": "approve",
    "workflow": "workflow",
}


def build_plan(
    document: Document,
    workflow: Workflow,
    inputs: Mapping[str, Json] | None,
    workflows: Mapping[str, SubWorkflow] | None = None,
) -> Plan:
    """The plan. With `inputs=None` only defaults are known and some matrices stay symbolic; `workflows` are those that
    steps run.

    Raises UsageError when the inputs do not fit, or a matrix cannot be expanded with them.
    """
    schema = inputs_schema(workflow)
    values = defaults(schema) if inputs is None else complete(schema, inputs)
    edges = all_edges(workflow)
    wave = waves(edges)
    steps = []
    for id_ in order(edges):
        after = tuple(sorted(edge.upstream for edge in edges[id_]))
        steps.append(_step(workflow, workflow.steps[id_], after, wave[id_], values))
    everything = tuple(sorted(workflow.steps))
    closing = [
        None if step is None else _step(workflow, step, everything, 0, values)
        for step in (workflow.on_failure, workflow.finally_)
    ]
    plan = Plan(
        name=workflow.name,
        title=workflow.title,
        description=workflow.description,
        source={"path": document.path, "sha256": hashlib.sha256(document.text.encode()).hexdigest()},
        inputs_schema=schema,
        inputs=values,
        steps=tuple(steps),
        sandboxes=_sandboxes(workflow, [*steps, *(step for step in closing if step)]),
        secrets=tuple(
            Secret(name, text(declared.body.get("env")) or name.upper()) for name, declared in workflow.secrets.items()
        ),
        milestones=tuple(_milestones(workflow)),
        on_failure=closing[0],
        finally_=closing[1],
        outputs={name: text(named.body.get("value")) for name, named in workflow.outputs.items()},
        workflows=dict(workflows or {}),
        concurrency=parts.concurrency(workflow.node.get("concurrency")),
        priority=parts.priority(workflow.node),
        extra=_extra(workflow),
        price=price(workflow, values, relatives(document.path, workflows or {}), edges),
    )
    return sealed(plan)


def _extra(workflow: Workflow) -> dict[str, Json]:
    found = {key: plain(workflow.node.get(key)) for key in _EXTRA if key in workflow.node.entries}
    steps = {step.id: _some(step.node, _STEP_EXTRA) for step in workflow.all_steps}
    sandboxes = {name: _some(declared.node, _SANDBOX_EXTRA) for name, declared in workflow.sandboxes.items()}
    for key, details in (("steps", steps), ("sandboxes", sandboxes)):
        known: dict[str, Json] = {name: more for name, more in details.items() if more}
        found |= {key: known} if known else {}
    return found


def _some(node: MappingNode, keys: tuple[str, ...]) -> dict[str, Json]:
    """Those of the keys that a map has, with their values."""
    return {key: plain(node.get(key)) for key in keys if key in node.entries}


def _milestones(workflow: Workflow) -> list[Milestone]:
    return [
        Milestone(
            id=one.id.value,
            title=one.title,
            week=one.week.value if one.week else None,
            due=one.due.value if one.due else None,
            needs=tuple(at.value for at in one.needs),
            accept=tuple(scalar_text(check) for check in one.accept),
        )
        for one in workflow.milestones
    ]


def _sandboxes(workflow: Workflow, steps: list[PlanStep]) -> dict[str, SandboxPlan]:
    """The declared sandboxes, and the implicit default one where a step uses it."""
    found = {
        name: SandboxPlan(
            name=name,
            needs=declared.needs,
            scope=declared.scope,
            candidates=choose(declared.needs, [at.value for at in declared.prefer]),
            env={key: scalar_text(value) for key, value in declared.env.items()},
        )
        for name, declared in workflow.sandboxes.items()
    }
    if any(step.sandbox == DEFAULT_SANDBOX for step in steps) and DEFAULT_SANDBOX not in found:
        needs = normal_needs({})
        found[DEFAULT_SANDBOX] = SandboxPlan(DEFAULT_SANDBOX, needs, candidates=choose(needs))
    return found


# ---------------------------------------------------------------- steps


def _step(workflow: Workflow, spec: StepSpec, after: tuple[str, ...], wave: int, inputs: dict[str, Json]) -> PlanStep:
    condition = scalar_text(spec.condition).strip() if spec.condition else None
    step = PlanStep(
        id=spec.id,
        kind=_KINDS.get(spec.kind, "run"),
        action=_action(spec),
        title=spec.title,
        ref=spec.ref,
        phase=spec.phase.value if spec.phase else None,
        owner=spec.owner.value if spec.owner else None,
        sandbox=sandbox_of(workflow, spec),
        after=after,
        wave=wave,
        condition=condition,
        condition_guards_failure=condition is not None and _mentions_state(condition),
        env={key: scalar_text(value) for key, value in {**workflow.env, **spec.env}.items()},
        stdin=scalar_text(spec.stdin) if spec.stdin else None,
        cwd=scalar_text(spec.cwd) if spec.cwd else None,
        files=tuple(
            FileCopy(scalar_text(copy.source), copy.target.value, copy.include, copy.exclude) for copy in spec.files
        ),
        artifacts=_artifacts(workflow, spec),
        secrets=_secrets(workflow, spec),
        outputs={name: OutputDecl(*_output(output)) for name, output in spec.outputs.items()},
        timeout=600.0 if spec.timeout is None else spec.timeout,
        retry=_retry(spec),
        allow_failure=spec.allow_failure,
        params=parts.params(spec),
        for_each=parts.for_each(spec),
        repeat=parts.repeat(spec),
        cache=parts.cache(spec),
        concurrency=parts.concurrency(spec.node.get("concurrency")),
        priority=parts.priority(spec.node),
        idempotent=plain(spec.node.get("idempotent")) is not False,
        line=spec.span.line,
        column=spec.span.column,
    )
    return _with_legs(step, spec.matrix, inputs)


def _action(spec: StepSpec) -> dict[str, Json]:
    if spec.kind == "run":
        shell = rewrite(text(spec.action))
        return {"command": shell.command, "expressions": {**shell.expressions}}
    if isinstance(spec.action, MappingNode):
        return plain_map(spec.action)
    if spec.kind == "workflow":
        path = spec.node.span.path
        found: dict[str, Json] = {"path": key_of(path, path, text(spec.action))}
    else:
        found = {spec.kind: plain(spec.action)}
    for key in ("prompt", "returns", "with"):
        if key in spec.node.entries:
            found[key] = plain(spec.node.get(key))
    return found


def _output(output: OutputSpec) -> tuple[dict[str, Json] | None, str | None]:
    return (None, output.artifact.value) if output.artifact else (output.schema, None)


def _retry(spec: StepSpec) -> Retry:
    written = spec.retry
    base = Retry()
    return replace(
        base,
        attempts=base.attempts if written.attempts is None else written.attempts,
        backoff=_BACKOFFS.get(written.backoff or "", base.backoff),
        delay=base.delay if written.delay is None else written.delay,
        max_delay=base.max_delay if written.max_delay is None else written.max_delay,
        jitter=base.jitter if written.jitter is None else written.jitter,
        on=base.on if written.on is None else written.on,
    )


def _mentions_state(condition: str) -> bool:
    return bool(_STATE.search(masked(condition)))


def _artifacts(workflow: Workflow, spec: StepSpec) -> tuple[tuple[str, str], ...]:
    """The upstream artifacts that a step's expressions name."""
    found = set()
    for _, reference in step_references(workflow, spec):
        if reference.path[0] == "steps" and len(reference.path) >= 4:
            upstream = workflow.steps.get(reference.path[1])
            output = upstream.outputs.get(reference.path[3]) if upstream else None
            if upstream and output and output.artifact:
                found.add((upstream.id, output.name))
    return tuple(sorted(found))


def _secrets(workflow: Workflow, spec: StepSpec) -> tuple[str, ...]:
    paths = [reference.path for _, reference in step_references(workflow, spec)]
    return tuple(sorted({path[1] for path in paths if path[0] == "secrets" and len(path) > 1}))


# ---------------------------------------------------------------- matrix


def _with_legs(step: PlanStep, matrix: MatrixDecl | None, inputs: dict[str, Json]) -> PlanStep:
    if step.for_each is not None:
        return replace(step, legs=None)
    if matrix is None:
        return replace(step, legs=(Leg(step.id),))
    found: tuple[Leg, ...] | None
    try:
        found = legs(step.id, matrix_rows(matrix, inputs))
    except ExpressionFailed:
        found = None
    if found is not None and not 0 < len(found) <= MOST_LEGS:
        raise UsageError(
            f"the matrix of `{step.id}` has {len(found)} legs with these inputs; it may have 1 to {MOST_LEGS}",
            "give other inputs",
        )
    if found is not None and len({leg.key for leg in found}) < len(found):
        raise UsageError(f"the matrix of `{step.id}` has two equal legs with these inputs", "give other inputs")
    return replace(step, is_matrix=True, matrix_source=dict(matrix.plain), legs=found)
