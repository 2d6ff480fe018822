"""Looking a whole store through, whatever its home: is every journal whole, and what is there?"""

from __future__ import annotations

from collections.abc import AsyncIterator

from runner.compiler.canonical import Json
from runner.errors import JournalBroken
from runner.records import dataclass
from runner.run.event import GENESIS, verify
from runner.run.journal import TABLES
from runner.run.ports import StateStore


@dataclass(frozen=True, slots=True)
class Findings:
    """How many there are, and a sentence for each journal that does not hold."""

    runs: int
    events: int
    broken: tuple[str, ...]


async def examine(store: StateStore) -> Findings:
    """Verify every journal against its head, after what retention left of it. Raises StoreError."""
    starts = {each.run: (each.seq, each.hash) for each in await store.tombstones() if each.place == "journal"}
    heads = await store.heads()
    events, broken = 0, []
    for run in sorted(heads):
        try:
            found = await store.events(run)
            verify(found, run, heads[run], starts.get(run, (0, GENESIS)))
            events += len(found)
        except JournalBroken as error:
            broken.append(error.message)
    return Findings(len(heads), events, tuple(broken))


async def contents(store: StateStore) -> AsyncIterator[dict[str, Json]]:
    """Every document and every event as plain JSON: versions of workflows, then run by run, documents first. Raises
    StoreError, JournalBroken.
    """
    for record in await store.workflows(limit=2**31 - 1):
        yield {"table": "workflow", "key": record.key, "rev": record.rev, "data": record.data}
    known = {record.key for record in await store.runs(limit=2**31 - 1)}
    for run in sorted(known | (await store.heads()).keys()):
        for table in TABLES:
            for record in await store.all(run, table):
                yield {"run": run, "table": table, "key": record.key, "rev": record.rev, "data": record.data}
        for event in await store.events(run):
            yield {"event": event.to_json()}
