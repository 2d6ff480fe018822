"""Retention: the events of runs that ended long ago are removed, and a tombstone tells where they were.

Only whole journals are removed, of runs that have ended, in the audit log first: a process that is killed in between
leaves events that the next call removes.
"""

from __future__ import annotations

from runner.records import dataclass
from runner.run.audit_port import AuditLog
from runner.run.ports import Record, StateStore
from runner.run.stored import Tombstone

#: States after which nothing more is written of a run.
_OVER = frozenset({"succeeded", "failed", "cancelled"})
_ALL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Doomed:
    """A run whose events are old enough: the number of its last event, and its hash."""

    run: str
    seq: int
    hash: str
    ended_at: str


async def doomed(store: StateStore, before: str) -> list[Doomed]:
    """Runs that ended before that moment (as the `ts` of events), the oldest first."""
    heads = await store.heads()
    found = [
        Doomed(record.key, *heads[record.key], str(record.data["ended_at"]))
        for record in await store.runs(_ALL)
        if record.key in heads and _ended(record, before)
    ]
    return sorted(found, key=lambda each: (each.ended_at, each.run))


def _ended(record: Record, before: str) -> bool:
    ended = record.data.get("ended_at")
    return record.data.get("state") in _OVER and isinstance(ended, str) and ended < before


async def remove(
    store: StateStore, log: AuditLog | None, each: Doomed, now: str, reason: str, *, journal: bool
) -> None:
    """Remove a run's events from the audit log, and with `journal` from the journal too. Raises AuditError,
    StoreError.
    """
    if log is not None:
        await log.open()
        await log.forget(each.run, each.seq)
        await store.forget(Tombstone(each.run, "audit", each.seq, each.hash, now, reason))
    if journal:
        await store.forget(Tombstone(each.run, "journal", each.seq, each.hash, now, reason))
