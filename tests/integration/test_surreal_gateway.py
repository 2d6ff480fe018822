"""The gateway in front of the engine: the store's conformance over it, the unchanged SDK, and what kills it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.embedded.surreal.launch import launch
from runner.embedded.surreal.settings import Endpoint, Settings
from runner.run.event import EventDraft
from runner.run.ports import StateStore
from runner.store.conformance import CHECKS, Bench, Check
from runner.store.server import Address, Waits
from runner.store.surreal import SurrealStore

pytestmark = pytest.mark.integration


def address(endpoint: Endpoint, database: str = "runner") -> Address:
    return Address(endpoint.url, endpoint.user, endpoint.password, database=database)


async def opened(where: Address, waits: Waits | None = None) -> SurrealStore:
    store = SurrealStore.at(lambda: where, waits=waits)
    await store.open()
    return store


def draft(number: int = 0) -> EventDraft:
    return EventDraft("step.ready", "2026-01-31T12:00:00.000000Z", "a", 1, {"n": number})


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Endpoint]:
    """A gateway on the folder, from outside of any event loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        gateway = launch(Settings(str(folder)))
        yield asyncio.run_coroutine_threadsafe(gateway.__aenter__(), loop).result(60)
        asyncio.run_coroutine_threadsafe(gateway.__aexit__(None, None, None), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with served(tmp_path_factory.mktemp("shared")) as endpoint:
        yield endpoint


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_conformance(check: Check, shared: Endpoint) -> None:
    where = address(shared, check.name)

    async def main() -> None:
        stores = [await opened(where)]

        async def reopen() -> StateStore:
            await stores[-1].close()
            stores.append(await opened(where))
            return stores[-1]

        try:
            await check.run(Bench(stores[0], reopen))
        finally:
            for store in stores:
                await store.close()

    asyncio.run(main())
