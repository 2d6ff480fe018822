"""All or nothing: what a comparison found is done, or the server is left as it was.

What was there is written down, durably, before anything is changed. When a request fails, all is taken back at once;
when this process dies, or the server stays away, the next `runner deploy` takes it back first.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runner.errors import DeployRefused, EngineUnavailable, RunnerError, StoreError
from runner.flow.deploy.api import Api
from runner.flow.deploy.compare import Change, Comparison
from runner.flow.deploy.wanted import TAG

_POOL_NOTE = "Where `runner deploy` sends the runs of specs."


class Undo:
    """What a cut-off apply has to be taken back to, in a file that only its owner can read; one for each server."""

    def __init__(self, state: Path, url: str) -> None:
        self._path = state / "deploy" / f"undo-{hashlib.sha256(url.encode()).hexdigest()[:16]}.json"

    def read(self) -> dict[str, Any] | None:
        """What was there before the apply that was cut off; None when none was. Raises StoreError."""
        try:
            found = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{self._path} cannot be read: {error}", "Compare with `--dry-run`, and remove it."
            ) from error
        return dict(found)

    def write(self, before: dict[str, Any]) -> None:
        """Keep it, on the disk, before anything is changed. Raises StoreError."""
        draft = self._path.with_suffix(".tmp")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(before, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            raise StoreError(
                f"{self._path} cannot be written: {error.strerror}", "Choose another folder by --state."
            ) from error

    def drop(self) -> None:
        """Forget it: the apply is done, or taken back."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()


def apply(api: Api, comparison: Comparison, pool: str, undo: Undo, *, prune: bool) -> list[str]:
    """Do it; returns the names of the deployments that were written or removed.

    Raises DeployRefused or EngineUnavailable when the server did not take all of it; the message says whether it was
    left as it was. Raises StoreError before anything was changed.
    """
    todo = [one for one in comparison.changes if one.action in ("new", "changed") or (prune and one.action == "gone")]
    if not todo and not comparison.pool:
        return []
    undo.write(_before(comparison, todo))
    try:
        done = list(_done(api, comparison, pool, todo))
    except BaseException as error:
        _taken_back(api, undo, error)
        raise
    undo.drop()
    return done


def recover(api: Api, undo: Undo, tell: Callable[[str], None]) -> None:
    """Take back an apply that was cut off. Raises DeployRefused, EngineUnavailable, StoreError."""
    before = undo.read()
    if before is None:
        return
    tell(f"a `runner deploy` of {before.get('at')} was cut off: the server is taken back to what it was")
    take_back(api, before)
    undo.drop()


def take_back(api: Api, before: dict[str, Any]) -> None:
    """Bring deployments, flows and the work pool back to what they were; may be repeated."""
    flows = api.flows()
    for name in before["new"]:
        for one in api.deployments():
            if one["name"] == name and str(one["flow_id"]) == flows.get(name):
                api.delete_deployment(str(one["id"]))
    for one in before["documents"]:
        flow = api.put_flow(one["name"], [TAG])
        put(api, {**one["document"], "name": one["name"], "flow_id": flow})
    for name in before["new_flows"]:
        if name in flows:
            api.delete_flow(flows[name])
    if before["pool"]:
        api.delete_work_pool(before["pool"])


def put(api: Api, document: dict[str, Any]) -> None:
    """Send a deployment, with how often its schedules may fire: the server forgets that in its upsert."""
    stored = api.put_deployment(document)
    limits = {one["slug"]: one["max_scheduled_runs"] for one in document["schedules"] if one["max_scheduled_runs"]}
    for one in stored.get("schedules") or ():
        if one.get("slug") in limits:
            api.limit_schedule(str(stored["id"]), str(one["id"]), limits[one["slug"]])


# ---------------------------------------------------------------- inside


def _before(comparison: Comparison, todo: list[Change]) -> dict[str, Any]:
    new = [one.name for one in todo if one.action == "new"]
    return {
        "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "pool": comparison.pool,
        "new": new,
        "new_flows": [name for name in new if name not in comparison.flows],
        "documents": [{"name": one.name, "document": one.before} for one in todo if one.before is not None],
    }


def _done(api: Api, comparison: Comparison, pool: str, todo: list[Change]) -> list[str]:
    if comparison.pool:
        api.make_work_pool(pool, comparison.pool_type, _POOL_NOTE)
    for one in todo:
        if one.document is not None:
            flow = api.put_flow(one.name, [TAG])
            put(api, {**one.document, "name": one.name, "flow_id": flow})
    # Last, for what is removed comes back under another id.
    for one in todo:
        if one.document is None:
            api.delete_deployment(one.id)
    return [one.name for one in todo]


def _taken_back(api: Api, undo: Undo, error: BaseException) -> None:
    """After a failure: take it all back, and say in the error's words how that went."""
    before = undo.read()
    if before is None:
        return
    try:
        take_back(api, before)
    except (DeployRefused, EngineUnavailable) as again:
        told = f"; it could not be taken back now ({again.message}): the next `runner deploy` does so first"
    else:
        undo.drop()
        told = "; the server is as it was"
    if isinstance(error, RunnerError):
        error.message += told
        error.args = (error.message,)
