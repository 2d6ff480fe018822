"""The plan on the wire: plain JSON in `schemas/plan.v1.schema.json`, without loss, and its digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from runner.compiler.canonical import Json, digest
from runner.compiler.plan.amounts import Price, Range, SandboxPrice, StepPrice
from runner.compiler.plan.model import (
    PLAN_VERSION,
    Cache,
    Candidate,
    Concurrency,
    FileCopy,
    ForEach,
    Leg,
    Milestone,
    OutputDecl,
    Plan,
    PlanStep,
    Repeat,
    Retry,
    SandboxPlan,
    Secret,
    SubWorkflow,
)
from runner.errors import RunnerError


def _json(value: object) -> Json:
    """Dataclasses to objects and tuples to lists, all the way down, in one pass: plans have thousands of values."""
    kind = type(value)
    if kind is str or kind is int or value is None:
        return value  # type: ignore[return-value]  # told by their exact types
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _json(item) for key, item in value.items()}
    if is_dataclass(kind):
        return {one.name: _json(getattr(value, one.name)) for one in fields(kind)}
    return value  # type: ignore[return-value]  # a leaf of a dataclass of plain JSON


def to_json(plan: Plan) -> dict[str, Json]:
    """The plan as plain JSON; `from_json` gives an equal plan back."""
    body = {one.name: _json(getattr(plan, one.name)) for one in fields(plan)}
    body["finally"] = body.pop("finally_")
    return {"version": PLAN_VERSION, **body}


def plan_digest(plan: Plan) -> str:
    """The SHA-256 of the canonical JSON without the digest itself, the path of the file and the price: the same text
    and inputs have the same digest wherever the file is, and whatever a box costs.
    """
    body = to_json(plan)
    del body["digest"], body["price"]
    body["source"] = {key: value for key, value in plan.source.items() if key != "path"}
    return digest(body)


def sealed(plan: Plan) -> Plan:
    """The plan with its digest."""
    return replace(plan, digest=plan_digest(plan))


# ---------------------------------------------------------------- reading


_PARTS: dict[str, type] = {"for_each": ForEach, "repeat": Repeat, "cache": Cache, "concurrency": Concurrency}


def _step(value: Mapping[str, Any]) -> PlanStep:
    made = dict(value)
    made["files"] = tuple(
        FileCopy(one["source"], one["target"], tuple(one["include"]), tuple(one["exclude"])) for one in value["files"]
    )
    made["artifacts"] = tuple((step, output) for step, output in value["artifacts"])
    made["outputs"] = {name: OutputDecl(**one) for name, one in value["outputs"].items()}
    made["retry"] = Retry(**{**value["retry"], "on": tuple(value["retry"]["on"])})
    made["legs"] = None if value["legs"] is None else tuple(Leg(**leg) for leg in value["legs"])
    for key in ("after", "secrets", "params"):
        made[key] = tuple(value[key])
    for key, kind in _PARTS.items():
        made[key] = None if value[key] is None else kind(**value[key])
    return PlanStep(**made)


def _sandbox(value: Mapping[str, Any]) -> SandboxPlan:
    return SandboxPlan(**{**value, "candidates": tuple(Candidate(**one) for one in value["candidates"])})


def _milestone(value: Mapping[str, Any]) -> Milestone:
    return Milestone(**{**value, "needs": tuple(value["needs"]), "accept": tuple(value["accept"])})


def _ranges(value: Mapping[str, Any]) -> dict[str, Range]:
    return {key: Range(**one) for key, one in value.items()}


#: The price of a plan that was made by a runner without prices.
_UNPRICED = Price(bounded=False, notes=("the price is not known: an older runner made this plan",))


def _price(value: Mapping[str, Any]) -> Price:
    return Price(
        usd=Range(**value["usd"]),
        seconds=Range(**value["seconds"]),
        steps={id_: StepPrice(**_ranges(one)) for id_, one in value["steps"].items()},
        sandboxes={name: SandboxPrice(**_ranges(one)) for name, one in value["sandboxes"].items()},
        bounded=value["bounded"],
        notes=tuple(value["notes"]),
    )


def from_json(value: Mapping[str, Any]) -> Plan:
    """The plan that `to_json` made, of an older runner too: then its price is not known. Raises RunnerError for another
    version, or a value that is no plan.
    """
    if value.get("version") != PLAN_VERSION:
        raise RunnerError(
            f"the plan has version {value.get('version')!r}, this runner reads version {PLAN_VERSION}",
            "compile the spec again: `runner plan SPEC --json`",
        )
    made = dict(value)
    try:
        del made["version"]
        made.pop("next_fires", None)  # of the moment when it was printed: not the plan's
        closing = made.pop("finally")
        made["steps"] = tuple(_step(one) for one in value["steps"])
        made["sandboxes"] = {name: _sandbox(one) for name, one in value["sandboxes"].items()}
        made["secrets"] = tuple(Secret(**one) for one in value["secrets"])
        made["milestones"] = tuple(_milestone(one) for one in value["milestones"])
        made["workflows"] = {path: SubWorkflow(**one) for path, one in value["workflows"].items()}
        made["price"] = _price(value["price"]) if "price" in value else _UNPRICED
        made["concurrency"] = None if value["concurrency"] is None else Concurrency(**value["concurrency"])
        made["on_failure"] = None if value["on_failure"] is None else _step(value["on_failure"])
        made["finally_"] = None if closing is None else _step(closing)
        return Plan(**made)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunnerError("this JSON is no plan", "make one with `runner plan SPEC --json`") from error
