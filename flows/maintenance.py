"""Housekeeping on a schedule of Prefect's: `flows/maintenance.py:reap` frees what killed runs left at an account.

Each run does so when it begins; a machine on which none begins for a while wants this one. Deploy it where the runs
are: only the machine of a dead process knows that it is dead. What nobody frees ends with its lease.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from prefect import flow, get_run_logger

from runner import wiring
from runner.run.kept import resumable


@flow(name="reap")
async def reap() -> None:
    """Free the boxes that dead runs of this machine left at an account; each is told in the log. Boxes of runs in the
    state folder (RUNNER_STATE) that can be gone on with are left to these.
    """
    state, tell = Path(os.environ.get("RUNNER_STATE", ".runner")), get_run_logger().info
    if not wiring.has_store(state):
        await wiring.free_orphans(os.environ, tell)
        return
    store = wiring.open_store(state, read_only=True)
    await store.open()
    try:
        await wiring.free_orphans(os.environ, tell, partial(resumable, store))
    finally:
        await store.close()
