"""A folder whose gateway begins or ends while somebody opens the store."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.errors import StoreLocked, StoreUnserved
from runner.store.either import EitherHome
from runner.store.lock import StoreLock
from runner.store.server import Address, Waits
from runner.store.surreal import SurrealStore


@pytest.fixture
def closed() -> Address:
    """An address at which nothing listens."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return Address(f"ws://127.0.0.1:{door.getsockname()[1]}/rpc", "runner", "secret")


def found(*answers: Address | None, then: Callable[[], None] | None = None) -> Callable[[], Address | None]:
    """What `find` gives, the last of it for ever; `then` is called with that."""
    left = list(answers)

    def find() -> Address | None:
        if len(left) > 1:
            return left.pop(0)
        if then is not None:
            then()
        return left[0]

    return find


def test_where_the_gateway_ends_before_it_was_reached_the_folder_is_opened(tmp_path: Path, closed: Address) -> None:
    async def main() -> tuple[bool, bool, int]:
        store = SurrealStore.behind(tmp_path / "state", found(closed, closed, closed, None))
        before = store.shared
        await store.open()
        try:
            return before, store.shared, len(await store.runs(limit=1))
        finally:
            await store.close()

    assert asyncio.run(main()) == (True, False, 0)


def test_a_gateway_that_has_not_let_go_of_the_folder_yet_is_waited_for(tmp_path: Path) -> None:
    lock = StoreLock(tmp_path / "state.lock", serving=True)
    lock.acquire()
    looks: list[None] = []

    def look() -> None:
        looks.append(None)
        if len(looks) == 4:
            lock.release()

    home = EitherHome(tmp_path / "state", found(None, then=look), read_only=False)
    home.open()
    home.close()
    assert len(looks) >= 4


def test_whoever_lets_nobody_else_in_is_not_waited_for(tmp_path: Path) -> None:
    (lock := StoreLock(tmp_path / "state.lock")).acquire()
    looks: list[None] = []
    home = EitherHome(tmp_path / "state", found(None, then=lambda: looks.append(None)), read_only=False)
    with pytest.raises(StoreLocked):
        home.open()
    assert len(looks) <= 3
    lock.release()


def test_nobody_is_waited_for_beyond_the_patience(tmp_path: Path, closed: Address) -> None:
    (lock := StoreLock(tmp_path / "state.lock", serving=True)).acquire()
    with pytest.raises(StoreLocked):
        EitherHome(tmp_path / "state", lambda: None, read_only=False, waits=Waits(patience=0)).open()
    lock.release()
    ends = found(closed, closed, closed, None)
    with pytest.raises(StoreUnserved, match="the gateway of the state has just ended"):
        EitherHome(tmp_path / "state", ends, read_only=False, waits=Waits(patience=0)).open()
