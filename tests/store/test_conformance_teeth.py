"""The store suite has teeth: each wrong store is caught, by a check that names what it got wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from runner.run.event import Event, EventDraft
from runner.run.ports import Change, Record, StateStore
from runner.store.conformance import CHECKS, Bench, Check
from runner.store.memory import MemoryStore


class LastWriterWins(MemoryStore):
    """Takes every change, whatever its revision."""

    async def commit(self, run: str, changes: Sequence[Change], events: Sequence[EventDraft]) -> list[Event]:
        free = [replace(one, rev=found.rev if (found := await self._found(run, one)) else 0) for one in changes]
        return await super().commit(run, free, events)

    async def _found(self, run: str, change: Change) -> Record | None:
        return await self.get(run, change.table, change.key)


class HalfWritten(MemoryStore):
    """Writes one change after the other: what came before a conflict stays."""

    async def commit(self, run: str, changes: Sequence[Change], events: Sequence[EventDraft]) -> list[Event]:
        for change in changes:
            await super().commit(run, [change], [])
        return await super().commit(run, [], events)


class Interleaved(MemoryStore):
    """Gives the turn away between looking and writing, so that two commits mix."""

    async def commit(self, run: str, changes: Sequence[Change], events: Sequence[EventDraft]) -> list[Event]:
        before = self._heads.get(run)
        await asyncio.sleep(0)
        if before is None:
            self._heads.pop(run, None)
        else:
            self._heads[run] = before
        return await super().commit(run, changes, events)


class Rounded(MemoryStore):
    """Reads every whole number back as a float, as a store without integers would."""

    async def get(self, run: str, table: str, key: str) -> Record | None:
        found = await super().get(run, table, key)
        if found is None:
            return None
        floats = {name: float(value) if type(value) is int else value for name, value in found.data.items()}
        return replace(found, data=floats)


class Forgetful(MemoryStore):
    """Has nothing left when it is opened again."""

    async def open(self) -> None:
        MemoryStore.__init__(self)
        await super().open()


class WithoutOutbox(MemoryStore):
    """Commits no outbox rows."""

    async def outbox(self, limit: int = 100) -> list[Event]:
        return []


class OldestFirst(MemoryStore):
    """Lists the oldest runs first."""

    async def runs(self, limit: int = 50) -> list[Record]:
        return (await super().runs(10**9))[::-1][:limit]


WRONG = [LastWriterWins, HalfWritten, Interleaved, Rounded, Forgetful, WithoutOutbox, OldestFirst]


async def caught(check: Check, make: type[MemoryStore]) -> bool:
    store = make()
    await store.open()

    async def reopen() -> StateStore:
        await store.close()
        await store.open()
        return store

    try:
        await check.run(Bench(store, reopen))
    except Exception:  # noqa: BLE001 - whatever a wrong store makes of a check, it did not pass
        return True
    return False


@pytest.mark.parametrize("make", WRONG)
def test_a_wrong_store_is_caught(make: type[MemoryStore]) -> None:
    async def main() -> list[str]:
        return [check.name for check in CHECKS if await caught(check, make)]

    found = asyncio.run(main())
    assert found
    assert len(found) < len(CHECKS), "a store that fails everything shows nothing"


def test_the_right_store_is_not_caught() -> None:
    async def main() -> list[str]:
        return [check.name for check in CHECKS if await caught(check, MemoryStore)]

    assert asyncio.run(main()) == []
