"""A plan for people, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from runner.compiler.canonical import Json
from runner.compiler.expressions.runtime import as_text
from runner.compiler.plan.amounts import shown as shown_usd
from runner.compiler.plan.amounts import shown_time
from runner.compiler.plan.calendar import Fire
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


def _sandbox_lines(plan: Plan, here: Mapping[str, str]) -> Iterator[str]:
    for name, sandbox in plan.sandboxes.items():
        scope = "one box for the run" if sandbox.scope == "run" else "a fresh box for each leg"
        reach = f", reaches {', '.join(sandbox.reach)}" if sandbox.reach else ""
        yield f"  {name}: {scope}{reach}"
        for one in sandbox.candidates:
            yield f"    {'+' if one.accepted else '-'} {one.provider}: {one.reason}"
            if one.accepted and one.provider in here:
                yield f"      here: {here[one.provider]}"


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


def when(schedule: Mapping[str, Json]) -> str:
    """When a schedule fires, as it is written."""
    kind = next((key for key in ("cron", "every", "rrule") if key in schedule), "cron")
    zone = schedule.get("timezone", "UTC")
    return f"{kind} {' '.join(str(schedule.get(kind)).split())}, {zone}"


def schedules_of(plan: Plan) -> list[dict[str, Json]]:
    """The schedules of a plan, as they are written."""
    found = plan.extra.get("schedules")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _schedule_lines(plan: Plan, fires: Mapping[str, Sequence[Fire]]) -> Iterator[str]:
    for one in schedules_of(plan):
        yield f"  {one.get('id')}: {when(one)}" + ("" if one.get("active") is not False else " (not active)")
        for fire in fires.get(str(one.get("id")), ()):
            yield f"    {shown_fire(fire)}"


def shown_fire(fire: Fire) -> str:
    """A start with its weekday, its offset from UTC and what the change of clocks does to it."""
    at = fire.at.isoformat(sep=" ", timespec="minutes" if not fire.at.second else "seconds")
    return f"{fire.at:%a} {at}" + (f"  ({fire.note})" if fire.note else "")


def render(plan: Plan, fires: Mapping[str, Sequence[Fire]] | None = None, here: Mapping[str, str] | None = None) -> str:
    """Waves with their steps, sandboxes with every candidate, milestones, schedules, price, inputs and the digest.

    `fires` are the next times of the schedules, by id; `here` says what a provider lacks on this machine.
    """
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
    parts: tuple[tuple[str, Iterator[str]], ...] = (
        ("sandboxes", _sandbox_lines(plan, here or {})),
        ("milestones", _milestone_lines(plan)),
        ("schedules", _schedule_lines(plan, fires or {})),
        ("price in US dollars, low – likely – high", _price_lines(plan)),
    )
    for title, part in parts:
        found = list(part)
        lines += ["", title, *found] if found else []
    return "\n".join(lines) + "\n"
