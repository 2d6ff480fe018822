"""Plan → deployment: the document that a Prefect server is to hold for one spec."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from runner.compiler.canonical import Json
from runner.compiler.plan.calendar import zone_of
from runner.compiler.plan.model import Plan
from runner.compiler.plan.recurrence import ANCHOR
from runner.compiler.plan.text import schedules_of
from runner.compiler.spec.units import seconds
from runner.flow.form import description, parameter_names, parameter_schema, version
from runner.project.bundle import Bundle
from runner.records import dataclass

#: Marks what `runner deploy` has made, for people who filter by tags.
TAG = "runner"
#: Labels by which a later `runner deploy` knows its own: the project, the plan, the texts, the spec's schedules.
PROJECT, DIGEST, BUNDLE, PATH, SCHEDULES = (
    "runner.project",
    "runner.digest",
    "runner.bundle",
    "runner.path",
    "runner.schedules",
)
#: The parts of a deployment that `runner deploy` decides, in the order in which they are shown; the rest is left alone.
FIELDS = (
    "version",
    "description",
    "entrypoint",
    "work_pool_name",
    "tags",
    "labels",
    "parameter_openapi_schema",
    "enforce_parameter_schema",
    "parameters",
    "job_variables",
    "path",
    "pull_steps",
    "schedules",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A deployment as the spec at `path` wants it. `document` has the `FIELDS`; schedules are by their slugs, those of
    the spec alone.
    """

    name: str
    path: str
    document: Mapping[str, Any]
    plan: Plan


def wanted(plan: Plan, bundle: Bundle, project: str, pool: str) -> Wanted:
    """The deployment of a plan that was made from the texts of `bundle`; its runs go to the work pool `pool`."""
    document = deployment(plan, f"flows.run_spec.{plan.name}@{bundle.digest}", project, pool)
    document["labels"] |= {BUNDLE: bundle.digest, PATH: bundle.path}
    return Wanted(plan.name, bundle.path, document, plan)


def deployment(plan: Plan, entrypoint: str, project: str, pool: str) -> dict[str, Any]:
    """The `FIELDS` of a deployment with the form and the schedules of a plan, which runs what is at `entrypoint`."""
    schedules = [_schedule(one, parameter_names(plan)) for one in schedules_of(plan)]
    return {
        "version": version(plan),
        "description": description(plan),
        "entrypoint": entrypoint,
        "work_pool_name": pool,
        "tags": [TAG],
        "labels": {
            PROJECT: project,
            DIGEST: plan.digest,
            SCHEDULES: ",".join(f"{one['slug']}={'on' if one['active'] else 'off'}" for one in schedules),
        },
        "parameter_openapi_schema": parameter_schema(plan),
        "enforce_parameter_schema": True,
        "parameters": {},
        "job_variables": {},
        "path": None,
        "pull_steps": None,
        "schedules": schedules,
    }


def switches(labels: Mapping[str, object]) -> dict[str, bool]:
    """The schedules that a spec had when it was deployed last: slug → whether the spec had it switched on."""
    pairs = (pair.partition("=") for pair in str(labels.get(SCHEDULES) or "").split(",") if pair)
    return {slug: state != "off" for slug, _, state in pairs}


def as_stored(schedule: Mapping[str, Any]) -> dict[str, Any]:
    """A schedule of the server in the form in which it can be compared, and be sent again."""
    about = {key: value for key, value in (schedule.get("schedule") or {}).items() if value is not None}
    if "rrule" in about:
        # The server writes down from where it counts, which is from where it counts without.
        about["rrule"] = str(about["rrule"]).removeprefix(f"DTSTART:{ANCHOR:%Y%m%dT%H%M%S}\n")
    if "anchor_date" in about:
        about["anchor_date"] = datetime.fromisoformat(str(about["anchor_date"])).isoformat()
    return {
        "slug": schedule.get("slug"),
        "active": bool(schedule.get("active", True)),
        "schedule": about,
        "parameters": dict(schedule.get("parameters") or {}),
        "max_scheduled_runs": schedule.get("max_scheduled_runs"),
    }


def _schedule(written: Mapping[str, Json], names: Mapping[str, str]) -> dict[str, Any]:
    zone = str(written.get("timezone") or "UTC")
    about: dict[str, Any]
    if "cron" in written:
        about = {"cron": written["cron"], "timezone": zone, "day_or": True}
    elif "rrule" in written:
        about = {"rrule": written["rrule"], "timezone": zone}
    else:
        anchor = ANCHOR.replace(tzinfo=zone_of(zone)).isoformat()
        about = {"interval": float(seconds(written.get("every")) or 0.0), "anchor_date": anchor, "timezone": zone}
    inputs = written.get("inputs")
    given = inputs if isinstance(inputs, dict) else {}
    return {
        "slug": str(written["id"]),
        "active": written.get("active") is not False,
        "schedule": about,
        "parameters": {names.get(name, name): value for name, value in given.items()},
        "max_scheduled_runs": None,
    }
