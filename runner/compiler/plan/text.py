"""A plan for people, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.expressions.runtime import as_text
from runner.compiler.plan.amounts import shown as shown_usd
from runner.compiler.plan.amounts import shown_time
from runner.compiler.plan.model import Plan, PlanStep, SandboxPlan
from runner.compiler.values import shown

_MOST_LEGS = 6


def provider(sandbox: SandboxPlan) -> str:
    """The first provider that accepted the sandbox."""
    return next((one.provider for one in sandbox.candidates if one.accepted), "nobody")


def _legs(step: PlanStep) -> str:
    if step.for_each is not None:
        most = step.for_each.max_parallel
        return f"for each {step.for_each.variable} of {as_text(step.for_each.items)}" + (
            f", {most} at once" if most else ""
        )
    if step.legs is None:
        return "matrix, known when the inputs are given"
    names = [",".join(f"{name}={as_text(value)}" for name, value in leg.matrix.items()) for leg in step.legs]
    more = f" and {len(names) - _MOST_LEGS} more" if len(names) > _MOST_LEGS else ""
    return f"{len(names)} legs: {'; '.join(names[:_MOST_LEGS])}{more}"


def _facts(plan: Plan, step: PlanStep) -> Iterator[str]:
    if step.sandbox is not None:
        yield f"in {step.sandbox} → {provider(plan.sandboxes[step.sandbox])}"
    else:
        yield "needs no box"
    if step.kind == "workflow":
        yield f"runs {step.action.get('path')}"
    if step.after and step not in (plan.on_failure, plan.finally_):  # those come after everything
        yield f"after {', '.join(step.after)}"
    if step.condition is not None:
        yield f"if {step.condition}"
    if step.is_matrix or step.for_each is not None:
        yield _legs(step)
    if step.repeat is not None:
        yield f"repeated until {step.repeat.until}, {step.repeat.most} times at most"
    if step.owner:
        yield f"owner {step.owner}"
    if step.secrets:
        yield f"secrets {', '.join(step.secrets)}"
    if step.retry.attempts > 1 and step.kind != "approve":
        yield f"up to {step.retry.attempts} attempts"


def _step_lines(plan: Plan, step: PlanStep, width: int) -> Iterator[str]:
    title = f"  {step.title}" if step.title else ""
    ref = f"{step.ref} " if step.ref else ""
    yield f"  {step.id:<{width}}  {step.kind:<8}  {ref}{title.strip()}".rstrip()
    yield f"  {'':<{width}}  {' · '.join(_facts(plan, step))}"


def _sandbox_lines(plan: Plan) -> Iterator[str]:
    for name, sandbox in plan.sandboxes.items():
        scope = "one box for the run" if sandbox.scope == "run" else "a fresh box for each leg"
        yield f"  {name}: {scope}"
        for one in sandbox.candidates:
            yield f"    {'+' if one.accepted else '-'} {one.provider}: {one.reason}"


def _milestone_lines(plan: Plan) -> Iterator[str]:
    for one in plan.milestones:
        when = f"due {one.due}" if one.due else f"week {one.week}" if one.week else "no date"
        yield f"  {one.id} ({when}) {one.title}".rstrip()
        yield f"    needs {', '.join(one.needs) or 'nothing'}"
        yield from (f"    accepts if {check}" for check in one.accept)


def _price_lines(plan: Plan) -> Iterator[str]:
    """A row for each step and sandbox, and the sum: what it takes, and US dollars low – likely – high."""
    price = plan.price
    rows = [(id_, shown_time(one.seconds), shown_usd(one.usd)) for id_, one in price.steps.items()]
    rows += [(f"boxes of {name}", shown_time(one.seconds), shown_usd(one.usd)) for name, one in price.sandboxes.items()]
    rows.append(("the run", shown_time(price.seconds), shown_usd(price.usd)))
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    yield from (f"  {name:<{first}}  {time:<{second}}  {usd}" for name, time, usd in rows)
    yield from (f"  {note}" for note in price.notes)


def render(plan: Plan) -> str:
    """Waves with their steps, sandboxes with every candidate, milestones, price, inputs and the digest."""
    rows = [*plan.steps, *(step for step in (plan.on_failure, plan.finally_) if step is not None)]
    width = max((len(step.id) for step in rows), default=0)
    lines = [f"{plan.name}: {plan.title}" if plan.title else plan.name, f"digest {plan.digest}"]
    if plan.inputs:
        lines += ["", "inputs", *(f"  {name} = {shown(value)}" for name, value in plan.inputs.items())]
    required = plan.inputs_schema.get("required")
    missing = [str(name) for name in required if name not in plan.inputs] if isinstance(required, list) else []
    if missing:
        lines += ["", f"inputs still to be given: {', '.join(missing)}"]
    for number, wave in enumerate(plan.waves):
        lines += ["", f"wave {number}"]
        for id_ in wave:
            lines += _step_lines(plan, plan.step(id_), width)
    for words, step in (("on failure", plan.on_failure), ("finally", plan.finally_)):
        if step is not None:
            lines += ["", words, *_step_lines(plan, step, width)]
    if plan.outputs:
        lines += ["", "outputs", *(f"  {name} = {value}" for name, value in plan.outputs.items())]
    if plan.sandboxes:
        lines += ["", "sandboxes", *_sandbox_lines(plan)]
    if plan.milestones:
        lines += ["", "milestones", *_milestone_lines(plan)]
    lines += ["", "price in US dollars, low – likely – high", *_price_lines(plan)]
    return "\n".join(lines) + "\n"
