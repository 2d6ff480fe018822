"""What the server has and what the specs want, looked at in one go: nothing is changed here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from runner.errors import UsageError
from runner.flow.deploy.api import Api
from runner.flow.deploy.compare import Change, Comparison, compare, misfits
from runner.flow.deploy.wanted import Wanted


def survey(  # noqa: PLR0913 - one parameter per option of the command
    api: Api, specs: Sequence[Wanted], pool: str, pool_type: str, *, project: str, adopt: bool, whole: bool
) -> Comparison:
    """Compare; without `whole`, the specs are not all of the project, and what is not among them is none of their
    business. Raises what `compare` does, EngineUnavailable, and UsageError for a work pool of another type.
    """
    found = api.work_pool(pool)
    if found is not None and found["type"] != pool_type and pool_type != "process":
        raise UsageError(
            f"the work pool {pool} is of type {found['type']}, not {pool_type}", "name another one by --pool"
        )
    flows = api.flows()
    changes = compare(specs, api.deployments(), flows, project=project, adopt=adopt)
    changes = tuple(_with_waiting(api, change) for change in changes if whole or change.action != "gone")
    return Comparison(changes, "" if found else pool, pool_type, flows)


def _with_waiting(api: Api, change: Change) -> Change:
    """Tell of runs that people have planned for later, whose inputs fit no more."""
    if change.wanted is None or not any(one.what.startswith("inputs.") for one in change.differences):
        return change
    notes = list(change.notes)
    for run in api.waiting_runs(change.id):
        wrong = misfits(run.get("parameters") or {}, change.wanted.document["parameter_openapi_schema"])
        if wrong:
            notes.append(f"run {run['name']}, planned for {run.get('expected_start_time')}, will fail: {wrong[0]}")
    return replace(change, notes=tuple(notes))
