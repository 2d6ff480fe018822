"""What the store has of a run that another process began: its documents, its journal, its plan."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from runner.compiler.canonical import Json
from runner.compiler.plan.model import Plan
from runner.compiler.plan.wire import from_json, plan_digest
from runner.errors import RunnerError, StoreError, UsageError
from runner.records import dataclass
from runner.run.artifacts import storage_error
from runner.run.event import Event, verify
from runner.run.journal import TABLES, Table
from runner.run.ports import Record, StateStore
from runner.run.state import FINAL
from runner.run.stored import Lease

_RESTORE = "Restore the state folder from a backup, or start a new run."


@dataclass(frozen=True, slots=True)
class Kept:
    """A run as the store has it: every document with its revision, by table and key, and all events, verified, but for
    those that retention has removed; and the lease that a process has or had on it, as far as the store knows any.
    """

    run: str
    tables: Mapping[Table, Mapping[str, Record]]
    events: Sequence[Event]
    lease: Lease | None = None

    @property
    def document(self) -> dict[str, Json]:
        """The document of the run itself."""
        return self.tables["run"][self.run].data

    def documents(self, table: Table) -> dict[str, dict[str, Json]]:
        """All documents of a table, by key."""
        return {key: record.data for key, record in self.tables[table].items()}


async def load(store: StateStore, run: str) -> Kept:
    """Everything that the store has of a run. Raises UsageError for an unknown one, JournalBroken, StoreError."""
    tables = {table: {record.key: record for record in await store.all(run, table)} for table in TABLES}
    if run not in tables["run"]:
        raise UsageError(f"there is no run {run}", "List the runs with `runner status`.")
    events = await store.events(run)
    # Of a run that ended long ago, retention may have removed the beginning.
    stones = [(each.seq, each.hash) for each in await store.tombstones() if (each.run, each.place) == (run, "journal")]
    verify(events, run, await store.head(run), *stones)
    lease = (await store.leases()).get(run) if store.shared else None
    return Kept(run, tables, events, lease)


async def family(store: StateStore, kept: Kept) -> list[Event]:
    """The events of a run, then those of the runs below it that have not ended, run by run. Raises StoreError."""
    found = list(kept.events)
    below = [leg["child"] for leg in kept.documents("step").values() if leg["state"] not in FINAL]
    while below:
        run = below.pop(0)
        if isinstance(run, str):
            found += await store.events(run)
            legs = [record.data for record in await store.all(run, "step")]
            below += [leg["child"] for leg in legs if leg["state"] not in FINAL]
    return found


async def resumable(store: StateStore, run: str) -> bool:
    """Whether a run is known and has not ended: a process can go on with it. Raises StoreError."""
    record = await store.get(run, "run", run)
    return record is not None and record.data["state"] not in FINAL


def plan_path(state: Path, run: str) -> Path:
    """Where the plan of a run lies, in the state folder."""
    return state / "runs" / run / "plan.json"


def load_plan(state: Path, kept: Kept) -> Plan:
    """The plan that a run began with. Blocks. Raises StoreError when it is missing, or is not that plan."""
    path = plan_path(state, kept.run)
    try:
        plan = from_json(json.loads(path.read_bytes()))
    except OSError as error:
        raise storage_error(error, path) from error
    except (ValueError, KeyError, TypeError, AttributeError, RunnerError) as error:
        raise StoreError(f"the plan in {path} cannot be read: {error}", _RESTORE) from error
    wanted = kept.document["plan_digest"]
    if plan.digest != wanted or plan_digest(plan) != wanted:
        raise StoreError(f"the plan in {path} is not the one that run {kept.run} began with", _RESTORE)
    return plan
