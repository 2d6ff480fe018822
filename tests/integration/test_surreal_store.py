"""The store in SurrealDB: the conformance suite, and what only a disk can do to it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from runner.run.ports import StateStore
from runner.store.conformance import CHECKS, Bench, Check
from runner.store.surreal import SurrealStore

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_conformance(check: Check, tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "state"
        stores = [SurrealStore(path)]
        await stores[0].open()

        async def reopen() -> StateStore:
            await stores[-1].close()
            stores.append(SurrealStore(path))
            await stores[-1].open()
            return stores[-1]

        try:
            await check.run(Bench(stores[0], reopen))
        finally:
            for store in stores:
                await store.close()

    asyncio.run(main())
