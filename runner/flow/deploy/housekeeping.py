"""The flows of `flows/maintenance.py` as deployments, each with a form and a schedule, as specs have them."""

from __future__ import annotations

import re

from runner.compiler.canonical import Json
from runner.compiler.plan.model import Plan
from runner.compiler.plan.wire import sealed
from runner.flow.deploy.wanted import Wanted, deployment

_PATH = "flows/maintenance.py"
#: What Prefect takes in no name.
_REFUSED = re.compile(r"[/%&<>]")


def owner(project: str) -> str:
    """Whose these deployments are: not the project's, whose own are its specs."""
    return f"{project}/maintenance"


def housekeeping(project: str, pool: str) -> list[Wanted]:
    """The deployments of a project's maintenance; their runs go to the work pool `pool`."""
    return [_wanted(_plan(project, flow), flow, project, pool) for flow in _FLOWS]


def _wanted(plan: Plan, flow: str, project: str, pool: str) -> Wanted:
    document = deployment(plan, f"flows.maintenance.{flow}", owner(project), pool)
    return Wanted(plan.name, _PATH, document, plan)


def _plan(project: str, flow: str) -> Plan:
    """What a form and a schedule are made of; it has no steps, for the flow is code."""
    description, inputs, schedule = _FLOWS[flow]
    return sealed(
        Plan(
            name=f"{_REFUSED.sub('-', project)}-maintenance-{flow}",
            title=f"Maintenance of {project}: {flow}",
            description=description,
            source={"path": _PATH},
            inputs_schema={"type": "object", "properties": inputs},
            inputs={},
            steps=(),
            sandboxes={},
            extra={"schedules": [{"id": flow, **schedule}]},
        )
    )


#: Each flow's description, inputs and schedule.
_FLOWS: dict[str, tuple[str, dict[str, Json], dict[str, Json]]] = {
    "reap": ("Free the boxes that dead runs of the worker's machine left at an account.", {}, {"every": "1h"}),
    "ship": (
        "Deliver to the audit log what it has not got yet.",
        {
            "dead": {
                "type": "boolean",
                "default": False,
                "title": "Refused events too",
                "description": "Try the events again that were refused.",
            }
        },
        {"every": "10m"},
    ),
    "report": (
        "The weekly check-in: an artifact for each workflow with milestones.",
        {
            "specs": {
                "type": "array",
                "items": {"type": "string"},
                "default": [],
                "title": "Specs",
                "description": "Specs or folders of the worker's project; without any, all specs with milestones.",
            },
            "since": {
                "type": "string",
                "default": "7d",
                "title": "Since",
                "description": "What was done since then is listed: a span such as 7d, or a date.",
            },
        },
        {"cron": "0 9 * * MON", "timezone": "UTC"},
    ),
    "backup": (
        "Back the state up, and keep the newest backups.",
        {
            "folder": {
                "type": "string",
                "default": "backups",
                "title": "Folder",
                "description": "Where backups are kept, from the worker's project.",
            },
            "keep": {
                "type": "integer",
                "minimum": 1,
                "default": 7,
                "title": "Keep",
                "description": "How many of the newest stay.",
            },
        },
        {"cron": "30 2 * * *", "timezone": "UTC"},
    ),
}
