"""Why a step of a run was run or not, and how that went: what `runner explain RUN STEP` tells, from the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from runner.cli.state import seconds_between
from runner.compiler.canonical import Json
from runner.compiler.plan.model import Plan, PlanStep
from runner.run import support
from runner.run.event import Event
from runner.run.kept import Kept

Document = dict[str, Json]
_FALSE = "its condition is false"
#: How an attempt's end is told, by the event that ends it.
_ENDS = {
    "step.succeeded": "succeeded",
    "step.failed": "failed",
    "step.cancelled": "cancelled",
    "step.retrying": "failed",
    "step.repeated": "repeated",
    "step.interrupted": "interrupted",
    "step.paused": "paused",
}


def reasons(kept: Kept, key: str, plan: Plan | None) -> Document:
    """All that is known of why a leg was run or not. `plan` is None where it is gone: then neither the condition nor
    what comes before the step is known.
    """
    leg = kept.documents("step")[key]
    about = [event for event in kept.events if event.step == key]
    step = _step(plan, str(leg["step"]))
    return {
        "run": kept.run,
        "step": key,
        "workflow": kept.document.get("name"),
        "state": leg.get("state"),
        "message": leg.get("message"),
        "upstream": _upstream(kept, step),
        "condition": _condition(leg, step),
        "reused": leg.get("reused"),
        "cache": _cache(about),
        "attempts": _attempts(kept, about),
        "waits": [_wait(event) for event in about if event.type == "step.waiting"],
        "decisions": [dict(event.data) for event in about if event.type == "approval.decided"],
        "policies": [dict(event.data) for event in about if event.type == "policy.applied"],
        "box": _box(kept, leg, step),
        "resumed": [event.ts for event in kept.events if event.type == "run.resumed"],
        "rerun_of": kept.document.get("rerun_of"),
        "usd": leg.get("usd"),
        "seconds": seconds_between(leg.get("started_at"), leg.get("ended_at")) if leg.get("started_at") else None,
    }


def key_of(events: Iterable[Event], key: str) -> Document | None:
    """The cache key that a leg had, as its journal tells it: `hit` says whether a result was taken. None without."""
    found = [event for event in events if event.step == key and event.type in ("step.cached", "step.missed")]
    return {**found[-1].data, "hit": found[-1].type == "step.cached"} if found else None


def changed(now: Mapping[str, Json], before: Mapping[str, Json]) -> list[Json]:
    """The parts in which two cache keys differ: `part`, `is` and `was`, None where one has no such part."""
    # Earlier versions of the runner tell no parts.
    whole = bool(before.get("parts") and now.get("parts"))
    old, new = (_parts(each, whole=whole) for each in (before, now))
    names = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    return [{"part": name, "was": old.get(name), "is": new.get(name)} for name in names]


def _parts(key: Mapping[str, Json], *, whole: bool) -> Document:
    if whole:
        return {**cast("Document", key["parts"]), "key": key.get("key")}
    return {name: key.get(name) for name in ("key", "does", "reads")}


def _step(plan: Plan | None, name: str) -> PlanStep | None:
    steps = support.all_steps(plan) if plan is not None else []
    return next((step for step in steps if step.id == name), None)


def _upstream(kept: Kept, step: PlanStep | None) -> list[Json]:
    """The steps right before this one, with the states of their legs."""
    found: list[Json] = []
    for name in step.after if step is not None else ():
        legs = [each for each in kept.documents("step").values() if each["step"] == name]
        found.append({"step": name, "states": [*sorted({str(each["state"]) for each in legs})]})
    return found


def _condition(leg: Mapping[str, Json], step: PlanStep | None) -> Document | None:
    """The step's condition, and what it gave: None where it was not asked."""
    if step is None or step.condition is None:
        return None
    value: bool | None = None
    if str(leg.get("message")).startswith(_FALSE):
        value = False
    elif leg.get("attempt") or leg.get("state") == "succeeded":
        value = True
    return {"expression": step.condition, "value": value, "guards_failure": step.condition_guards_failure}


def _cache(about: Sequence[Event]) -> Document | None:
    found = key_of(about, about[0].step or "") if about else None
    if found is None:
        return None
    kept = next((event.data["cache"] for event in about if "cache" in event.data), None)
    return {**found, "kept": kept}


def _attempts(kept: Kept, about: Sequence[Event]) -> list[Json]:
    """Each attempt: when it began, how long it took, until its box was there, how it ended, what came of that."""
    found: list[Json] = []
    made = {str(event.data.get("box")): event.ts for event in kept.events if event.type == "box.created"}
    begun: Event | None = None
    for event in about:
        if event.type == "step.started":
            begun = event
        elif begun is not None and event.type in _ENDS:
            found.append(_attempt(begun, event, made))
            begun = None
    if begun is not None:
        found.append({"number": begun.attempt, "started_at": begun.ts, "ended": "not yet"})
    return found


def _attempt(begun: Event, end: Event, made: Mapping[str, str]) -> Document:
    data = end.data
    told: Document = {"number": begun.attempt, "started_at": begun.ts, "ended": _ENDS[end.type]}
    told["seconds"] = seconds_between(begun.ts, end.ts)
    created = made.get(str(data.get("box")), "")
    if begun.ts <= created <= end.ts:
        told["box_after"] = seconds_between(begun.ts, created)
    told["message"] = data.get("message") or data.get("reason")
    if end.type in ("step.retrying", "step.repeated"):
        told["again_after"] = data.get("delay")
    return told | {name: data[name] for name in ("class", "exit_code", "provider", "box", "child") if name in data}


def _wait(event: Event) -> Document:
    return {"at": event.ts, **event.data}


def _box(kept: Kept, leg: Mapping[str, Json], step: PlanStep | None) -> Document | None:
    """The sandbox, why that provider was chosen, and what took its place since."""
    if step is None or step.kind not in support.IN_BOXES:
        return None
    name = step.sandbox or "default"
    mine = [event for event in kept.events if event.data.get("sandbox") == name]
    chosen = [event.data.get("candidates") for event in mine if event.type == "sandbox.chosen"]
    changes = [{"what": event.type, **event.data} for event in mine if event.type in ("sandbox.fallback", "box.moved")]
    return {
        "sandbox": name,
        "provider": leg.get("provider"),
        "box": leg.get("box"),
        "candidates": chosen[0] if chosen else [],
        "changes": [*changes],
    }
