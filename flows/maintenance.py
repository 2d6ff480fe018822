"""Housekeeping on a schedule of Prefect's; `runner deploy --maintenance` deploys these flows.

- `reap` frees what killed runs left at an account. Each run does so when it begins; a machine on which none begins for
  a while wants this one. Only the machine of a dead process knows that it is dead. What nobody frees ends with its
  lease.
- `ship` delivers to the audit log what it has not got yet, as `runner audit ship` does.
- `report` is the weekly check-in, as `runner report` makes it: a Markdown artifact for each workflow with milestones.
- `backup` is `runner state backup` into a folder that keeps the newest few.

All work on the state that RUNNER_STATE, else `.runner`, stands for; relative paths start at RUNNER_PROJECT, else at the
working folder. `runner worker` sets both.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import acreate_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from runner import wiring
from runner.errors import RunnerError, UsageError
from runner.run.checkin import gather, shown
from runner.run.clock import SystemClock
from runner.run.kept import resumable
from runner.run.shipper import Shipper
from runner.run.shipper import ship as deliver
from runner.store import backup as backups


def _state() -> Path:
    return Path(os.environ.get("RUNNER_STATE", ".runner"))


def _path(name: str) -> Path:
    return Path(os.environ.get("RUNNER_PROJECT", ".")) / name


async def _ended(work: Awaitable[str]) -> State[Any]:
    """The state of a flow run: what the work came to, or the error as people are told it."""
    try:
        return Completed(message=await work)
    except RunnerError as error:
        return Failed(message=f"{error.message}. {error.hint}".rstrip(". ") + ".")


@flow(name="reap")
async def reap() -> None:
    """Free the boxes that dead runs of this machine left at an account; each is told in the log. Boxes of runs in the
    state folder (RUNNER_STATE) that can be gone on with are left to these.
    """
    state, tell = _state(), get_run_logger().info
    if not wiring.has_store(state):
        await wiring.free_orphans(os.environ, tell)
        return
    store = wiring.open_store(state, read_only=True)
    await store.open()
    try:
        await wiring.free_orphans(os.environ, tell, partial(resumable, store))
    finally:
        await store.close()


@flow(name="ship")
async def ship(dead: bool = False) -> State[Any]:
    """Deliver to the audit log that RUNNER_AUDIT_URL names what it has not got yet, with `dead` also what was refused.
    Without an audit log the flow run ends as skipped.
    """
    if not os.environ.get("RUNNER_AUDIT_URL"):
        return Completed(
            name="Skipped", message="No audit log is known: the worker's environment has no RUNNER_AUDIT_URL."
        )
    return await _ended(_shipped(dead))


async def _shipped(dead: bool) -> str:
    log = wiring.open_audit(os.environ)
    if log is None:
        raise UsageError("no audit log is known", "Set RUNNER_AUDIT_URL, for example to http://127.0.0.1:8080.")
    try:
        if not wiring.has_store(_state()):
            return "nothing was stored yet"
        store = wiring.open_store(_state())
        await store.open()
        try:
            done = await deliver(Shipper(store, log, SystemClock(), get_run_logger().info), store, dead=dead)
        finally:
            await store.close()
    finally:
        await log.close()
    return f"{done.delivered} delivered, {done.refused} refused, {done.waiting} waiting"


@flow(name="report")
async def report(specs: list[str] | None = None, since: str = "7d") -> State[Any]:
    """The check-in on each plan: an artifact `check-in-NAME` whose versions follow each other week by week. `specs` are
    specs or folders; without any, all specs with milestones in the folder RUNNER_SPECS, else `specs`. What was done
    `since` then is listed.
    """
    return await _ended(_reported(specs or [], since))


async def _reported(specs: list[str], since: str) -> str:
    at = datetime.now(UTC)
    begin = gather.moment_since(since, at)
    paths = [str(_path(each)) for each in specs or [os.environ.get("RUNNER_SPECS", "specs")]]
    plans = await asyncio.to_thread(gather.plans, paths, milestones=not specs)
    store = wiring.open_store(_state(), read_only=True) if wiring.has_store(_state()) else None
    if store is not None:
        await store.open()
    try:
        found = [await gather.checked_in(store, plan, None, at, begin) for plan in plans]
    finally:
        if store is not None:
            await store.close()
    for each in found:
        key = f"check-in-{re.sub(r'[^a-z0-9]+', '-', each.workflow.lower())}"
        await acreate_markdown_artifact(shown.markdown([each]), key=key, description=shown.summary(each))
    return "; ".join(f"{each.workflow}: {each.done} of {len(each.steps)} steps done" for each in found)


@flow(name="backup")
async def backup(folder: str = "backups", keep: int = 7) -> State[Any]:
    """Back the state up into a new file in `folder`, and remove all but the newest `keep` of those made so. The flow
    run ends as skipped where nothing was stored yet.
    """
    if not wiring.has_store(_state()):
        return Completed(name="Skipped", message=f"Nothing is stored in {_state()} yet.")
    return await _ended(asyncio.to_thread(_backed_up, _path(folder), keep))


def _backed_up(folder: Path, keep: int) -> str:
    if keep < 1:
        raise UsageError(f"keeping {keep} backups keeps none", "Keep 1 or more.")
    made = backups.back_up(_state(), backups.new_name(folder, datetime.now(UTC)), wiring.open_folder)
    gone = backups.rotate(folder, keep)
    return f"{made.file}: {made.runs} runs, {made.events} events, {made.bytes} bytes; {len(gone)} older removed"
