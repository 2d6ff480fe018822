from __future__ import annotations

import asyncio

from runner.run.event import EventDraft
from runner.run.ports import Change
from runner.run.retention import doomed, remove
from runner.store.memory import MemoryStore

TS = "2026-01-31T12:00:00.000000Z"
RUNS = {
    "old": ("succeeded", "2026-01-02T00:00:00.000000Z"),
    "older": ("failed", "2026-01-01T00:00:00.000000Z"),
    "new": ("succeeded", "2026-01-20T00:00:00.000000Z"),
    "open": ("running", None),
    "paused": ("paused", "2026-01-01T00:00:00.000000Z"),
}


class Log:
    def __init__(self) -> None:
        self.forgotten: list[tuple[str, int]] = []

    async def open(self) -> None: ...

    async def forget(self, run: str, seq: int) -> None:
        self.forgotten.append((run, seq))


async def filled() -> MemoryStore:
    store = MemoryStore()
    await store.open()
    for run, (state, ended) in RUNS.items():
        change = Change("run", run, 0, {"state": state, "ended_at": ended})
        await store.commit(run, [change], [EventDraft("run.created", TS), EventDraft("run.started", TS)])
    await store.commit("silent", [Change("run", "silent", 0, {"state": "failed", "ended_at": TS})], [])
    return store


def test_only_runs_that_ended_before_are_old_enough_the_oldest_first() -> None:
    async def main() -> None:
        store = await filled()
        assert [each.run for each in await doomed(store, "2026-01-10T00:00:00.000000Z")] == ["older", "old"]
        assert await doomed(store, "2025-01-10T00:00:00.000000Z") == []

    asyncio.run(main())


def test_the_journal_stays_unless_asked() -> None:
    async def main() -> None:
        store, log = await filled(), Log()
        older, old = await doomed(store, "2026-01-10T00:00:00.000000Z")
        await remove(store, log, older, TS, "older than 9d", journal=False)  # type: ignore[arg-type]
        await remove(store, None, old, TS, "older than 9d", journal=True)
        assert log.forgotten == [("older", 2)]
        assert len(await store.events("older")) == 2
        assert await store.events("old") == []
        assert [(stone.run, stone.place, stone.seq) for stone in await store.tombstones()] == [
            ("old", "journal", 2),
            ("older", "audit", 2),
        ]

    asyncio.run(main())
