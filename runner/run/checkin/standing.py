"""Plan and documents of a run → check-in. A pure function: the moment is handed in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import cast

from runner.compiler.canonical import Json
from runner.compiler.plan.model import Milestone, Plan, PlanStep
from runner.records import dataclass
from runner.run.checkin.model import (
    BEGUN_MARK,
    DONE_MARK,
    OPEN_MARK,
    CheckIn,
    Mark,
    MilestoneLine,
    Notice,
    Point,
    Risk,
    RunLine,
    StepLine,
)

#: The state of a step with several legs is the first of these that one of them is in.
_FIRST = ("failed", "interrupted", "paused", "running", "ready", "cancelled", "pending", "succeeded")
_WEIGHT = {"low": 1, "medium": 2, "high": 3}
_LONGEST = 200
Document = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Documents:
    """What the store has of a run: its own document, those of its legs, those of its milestones by id. `state` is the
    run's, `interrupted` where its process is dead; `is_current` says whether the spec says the same since it began.
    """

    run: Document
    state: str
    legs: Sequence[Document]
    milestones: Mapping[str, Document]
    is_current: bool = True


def check_in(plan: Plan, documents: Documents | None, at: datetime, since: datetime | None = None) -> CheckIn:
    """How far the plan is at the moment `at`, by the documents of a run; without these nothing has begun."""
    owners = _owners(plan)
    steps = {step.id: _step(plan, step, documents, owners) for step in plan.steps}
    began = _moment(documents.run.get("created_at")) if documents else None
    dues = {one.id: _due(one, began) for one in plan.milestones}
    milestones = tuple(_milestone(one, steps, documents, dues[one.id], at) for one in plan.milestones)
    moved = [] if since is None else [one for one in steps.values() if one.ended and _moment(one.ended) >= since]
    return CheckIn(
        workflow=plan.name,
        title=plan.title or plan.name,
        phases=_phases(plan),
        run=_run(documents) if documents else None,
        steps=tuple(steps.values()),
        milestones=milestones,
        burn_down=tuple(_burn_down(plan, steps, dues, began, at)),
        risks=tuple(_risks(plan, owners)),
        notices=tuple(_notices(documents, steps, milestones, owners)),
        since="" if since is None else since.date().isoformat(),
        moved=tuple(sorted(moved, key=lambda one: one.ended)),
    )


# ---------------------------------------------------------------- steps


def _step(plan: Plan, step: PlanStep, documents: Documents | None, owners: Mapping[str, str]) -> StepLine:
    legs = [leg for leg in (documents.legs if documents else ()) if leg["step"] == step.id]
    # The step of a `for_each` has a document of its own beside those of its items.
    items = [leg for leg in legs if leg["leg"] != step.id]
    legs = items or legs
    states = [_state(leg, documents) for leg in legs]
    state = next((each for each in _FIRST if each in states), states[0] if states else "pending")
    mark: Mark = DONE_MARK if state == "succeeded" else OPEN_MARK
    if mark == OPEN_MARK and any(leg["started_at"] for leg in legs):
        mark = BEGUN_MARK
    done = sum(each == "succeeded" for each in states)
    return StepLine(
        id=step.id,
        ref=step.ref,
        title=step.title,
        phase=step.phase or "",
        owner=owners.get(step.owner or "", step.owner or ""),
        mark=mark,
        state=state,
        legs=f"{done}/{len(legs)}" if len(legs) > 1 else "",
        ended=max(str(leg["ended_at"]) for leg in legs) if mark == DONE_MARK else "",
        message=next((_short(leg["message"]) for leg in legs if leg["state"] == "failed"), ""),
    )


def _state(leg: Document, documents: Documents | None) -> str:
    begun = leg["started_at"] and not leg["ended_at"]
    return "interrupted" if begun and documents and documents.state == "interrupted" else str(leg["state"])


# ---------------------------------------------------------------- milestones


def _milestone(
    one: Milestone, steps: Mapping[str, StepLine], documents: Documents | None, due: datetime | None, at: datetime
) -> MilestoneLine:
    mine = [steps[name] for name in one.needs]
    kept = documents.milestones.get(one.id, {}) if documents else {}
    state = str(kept.get("state") or "pending")
    if state == "pending":
        state = "late" if due is not None and due <= at else "open"
    checks = cast("list[dict[str, Json]]", kept.get("checks") or [])
    mark: Mark = DONE_MARK if state == "reached" else OPEN_MARK
    if mark == OPEN_MARK and any(step.mark != OPEN_MARK for step in mine):
        mark = BEGUN_MARK
    open_ = [step for step in mine if step.mark != DONE_MARK]
    return MilestoneLine(
        id=one.id,
        title=one.title,
        when=_when(one, due),
        mark=mark,
        state=state,
        done=len(mine) - len(open_),
        steps=len(mine),
        checks=len(one.accept),
        waits_for=tuple(dict.fromkeys(step.owner for step in open_ if step.owner)),
        unheld=tuple(str(each["expression"]) for each in checks if each["ok"] is False),
    )


def _due(one: Milestone, began: datetime | None) -> datetime | None:
    """When a milestone should be reached at the latest: the weeks of a plan count from the beginning of its run."""
    if one.due is not None:
        return datetime.fromisoformat(one.due).replace(tzinfo=UTC) + timedelta(days=1)
    return began + timedelta(weeks=one.week) if began is not None and one.week is not None else None


def _when(one: Milestone, due: datetime | None) -> str:
    if one.due is not None:
        return one.due
    week = "" if one.week is None else f"week {one.week}"
    return week if due is None else f"{week} ({due.date().isoformat()})"


def _burn_down(
    plan: Plan,
    steps: Mapping[str, StepLine],
    dues: Mapping[str, datetime | None],
    began: datetime | None,
    at: datetime,
) -> Iterator[Point]:
    """Steps left at the beginning, at each milestone that has a time, and now."""
    times = [one for one in plan.milestones if one.week is not None or one.due is not None]
    times.sort(key=lambda one: (dues[one.id] or datetime.max.replace(tzinfo=UTC), one.week or 0))
    belongs = _belongs(plan, times)
    if not belongs:
        return
    ends = [_moment(steps[name].ended) for name in belongs if steps[name].ended]
    planned, now = len(belongs), None if began is None else len(belongs) - len(ends)
    yield Point("start", planned, None if began is None else planned)
    for when, together in groupby(times, key=lambda one: _when(one, dues[one.id])):
        names = {one.id: dues[one.id] for one in together}
        due = next(iter(names.values()))
        past = due is not None and due <= at
        if now is not None and not past:
            yield Point("now", planned, now)
            now = None
        planned -= sum(owner in names for owner in belongs.values())
        left = len(belongs) - sum(due is not None and end <= due for end in ends)
        yield Point(when, planned, left if past and began is not None else None)
    if now is not None:
        yield Point("now", planned, now)


def _belongs(plan: Plan, milestones: Sequence[Milestone]) -> dict[str, str]:
    """The milestone that each step is due with: one that names it, else the first that needs it indirectly."""
    found = {name: one.id for one in reversed(milestones) for name in one.needs}
    for one in milestones:
        below = list(one.needs)
        while below:
            after = plan.step(below.pop()).after
            below += [name for name in after if name not in found]
            found |= {name: one.id for name in after if name not in found}
    return {step.id: found[step.id] for step in plan.steps if step.id in found}


# ---------------------------------------------------------------- the rest


def _run(documents: Documents) -> RunLine:
    run = documents.run
    began = _moment(run["created_at"]).date().isoformat()
    return RunLine(str(run["id"]), documents.state, began, _short(run.get("message")), documents.is_current)


def _notices(
    documents: Documents | None,
    steps: Mapping[str, StepLine],
    milestones: Sequence[MilestoneLine],
    owners: Mapping[str, str],
) -> Iterator[Notice]:
    if documents is not None:
        yield from _of_run(documents)
        yield from _questions(documents, owners)
    for step in steps.values():
        if step.state == "failed":
            yield Notice(f"{step.shown} failed: {step.message}", step.owner)
    for one in milestones:
        name = f"milestone {one.id}"
        if one.state in ("late", "missed"):
            yield Notice(f"{name} is {one.state}: {one.done} of {one.steps} steps done", ", ".join(one.waits_for))
        for check in one.unheld:
            yield Notice(f"{name}: `{check}` does not hold")


def _of_run(documents: Documents) -> Iterator[Notice]:
    name = f"run {documents.run['id']}"
    if not documents.is_current:
        yield Notice(f"{name} began with another version of the spec")
    if documents.state in ("interrupted", "paused", "cancelled"):
        yield Notice(f"{name} is {documents.state}")


def _questions(documents: Documents, owners: Mapping[str, str]) -> Iterator[Notice]:
    for leg in documents.legs:
        asked = leg.get("approval")
        if leg["state"] == "paused" and isinstance(asked, dict) and not asked.get("decision"):
            owner = str(asked.get("owner") or "")
            yield Notice(f"{leg['leg']} waits for a decision: {_short(asked.get('prompt'))}", owners.get(owner, owner))


def _risks(plan: Plan, owners: Mapping[str, str]) -> Iterator[Risk]:
    listed = cast("list[dict[str, Json]]", plan.extra.get("risks") or [])
    found = []
    for one in listed:
        likelihood, impact = (str(one.get(key) or "medium") for key in ("likelihood", "impact"))
        owner = str(one.get("owner") or "")
        mitigation = str(one.get("mitigation") or one.get("description") or "")
        found.append(Risk(str(one["title"]), likelihood, impact, owners.get(owner, owner), mitigation))
    return iter(sorted(found, key=lambda one: -_WEIGHT[one.likelihood] * _WEIGHT[one.impact]))


def _phases(plan: Plan) -> dict[str, str]:
    """The titles of phases in the order of their first steps: the plan that a run keeps has lost the written order."""
    titles = _titles(plan.extra.get("phases"))
    return {step.phase: titles[step.phase] for step in plan.steps if step.phase in titles}


def _owners(plan: Plan) -> dict[str, str]:
    return _titles(plan.extra.get("agents"))


def _titles(listed: Json) -> dict[str, str]:
    """The name that people see of each, by id."""
    known = cast("dict[str, dict[str, Json]]", listed or {})
    return {id_: str(about.get("title") or id_) for id_, about in known.items()}


def _moment(text: Json) -> datetime:
    return datetime.fromisoformat(str(text))


def _short(text: Json) -> str:
    line = " ".join(str(text or "").split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
