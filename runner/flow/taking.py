"""What a flow run stands for in the state store: a new run, or one that an earlier process of the same flow run began.

Prefect starts a flow run again after its process crashed, and when somebody asks for it in the pages. The run's id
follows from the flow run, so that every process of it finds what is there. Imports no Prefect.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from runner.records import dataclass
from runner.run.kept import Kept, load
from runner.run.lease import is_going_on
from runner.run.ports import Record, StateStore
from runner.run.state import FINAL

_LOOK = 1.0


@dataclass(frozen=True, slots=True)
class Taking:
    """The run's `id`; `kept` is what is there of it when it is gone on with, `before` a run of the same flow run that
    ended in failure and is to be made again where it failed.
    """

    id: str
    kept: Kept | None = None
    before: Kept | None = None


def run_id(flow_run: str, created: datetime, number: int) -> str:
    """The id of the run with that number of a flow run: it sorts by time as any, and follows from the flow run."""
    text = f"{flow_run}:{number}"
    return f"{created.astimezone(UTC):%Y%m%d-%H%M%S}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


async def newest(store: StateStore, flow_run: str, created: datetime) -> tuple[Record | None, int]:
    """The last run of a flow run, None without one, and how many there are. Raises StoreError."""
    found, number = None, 0
    while (record := await store.get(key := run_id(flow_run, created, number), "run", key)) is not None:
        found, number = record, number + 1
    return found, number


async def taking(
    store: StateStore,
    flow_run: str,
    created: datetime,
    tell: Callable[[str], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Taking:
    """What a process of a flow run is to do. While another process works on the run, its end is waited for: two never
    work on one. Raises StoreError, JournalBroken.
    """
    record, number = await newest(store, flow_run, created)
    told = False
    while record is not None and await is_alive(store, record):
        if not told:
            tell(f"another process works on run {record.key}: waiting for it")
            told = True
        await sleep(_LOOK)
        record, number = await newest(store, flow_run, created)
    if record is None:
        return Taking(run_id(flow_run, created, 0))
    kept = await load(store, record.key)
    # A process that died between the run's own end and its flow run's leaves a run that only has to be told.
    if record.data["state"] in ("failed", "cancelled") and not told:
        return Taking(run_id(flow_run, created, number), before=kept)
    return Taking(record.key, kept)


async def is_alive(store: StateStore, record: Record) -> bool:
    """Whether a process works on the run, as far as can be known. Raises StoreError."""
    if record.data["state"] in FINAL or record.data["state"] == "paused":
        return False
    leases = await store.leases() if store.shared else {}
    return is_going_on(record.data, leases.get(record.key))


async def is_cut_off(store: StateStore, flow_run: str, created: datetime) -> bool:
    """Whether a flow run began a run that nobody works on, and that has not ended. Raises StoreError."""
    record, _ = await newest(store, flow_run, created)
    if record is None or record.data["state"] not in ("pending", "running"):
        return False
    return not await is_alive(store, record)
