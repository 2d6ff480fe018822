from __future__ import annotations

import asyncio

import pytest

from runner.errors import StoreError
from runner.run.ports import StateStore
from runner.store.conformance import CHECKS, Bench, Check
from runner.store.memory import MemoryStore


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_conformance(check: Check) -> None:
    async def main() -> None:
        store = MemoryStore()
        await store.open()

        async def reopen() -> StateStore:
            await store.close()
            await store.open()
            return store

        await check.run(Bench(store, reopen))

    asyncio.run(main())


def test_each_check_has_its_own_name_and_wound() -> None:
    assert len({check.name for check in CHECKS}) == len({check.wound for check in CHECKS}) == len(CHECKS) >= 25


def test_a_store_that_is_not_open_says_so() -> None:
    with pytest.raises(StoreError, match="not open"):
        asyncio.run(MemoryStore().runs())
