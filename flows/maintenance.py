"""Housekeeping on a schedule of Prefect's: `flows/maintenance.py:reap` frees what killed runs left at an account.

Each run does so when it begins; a machine on which none begins for a while wants this one. Deploy it where the runs
are: only the machine of a dead process knows that it is dead. What nobody frees ends with its lease.
"""

from __future__ import annotations

import os

from prefect import flow, get_run_logger

from runner import wiring


@flow(name="reap")
async def reap() -> None:
    """Free the boxes that dead runs of this machine left at an account; each is told in the log."""
    await wiring.free_orphans(os.environ, get_run_logger().info)
