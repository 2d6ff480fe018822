"""Live queries of the gateway, by the unchanged SDK: what is told, to whom, until when, and what it costs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from surrealdb import AsyncSurreal, RecordID, Table
from surrealdb.errors import SurrealError
from websockets import Subprotocol
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from runner.embedded.surreal import cbor
from runner.embedded.surreal.launch import launch
from runner.embedded.surreal.settings import Endpoint, Settings
from runner.errors import StoreError
from runner.store.server import Address
from runner.store.surreal import SurrealStore

pytestmark = pytest.mark.integration


@asynccontextmanager
async def client(endpoint: Endpoint, database: str = "d") -> AsyncIterator[Any]:
    async with AsyncSurreal(endpoint.url) as db:
        await db.signin({"username": endpoint.user, "password": endpoint.password})
        await db.use("n", database)
        yield db


class Listener:
    """A live query that keeps whole notifications: the SDK's own iterator hands on their records alone."""

    def __init__(self, db: Any, name: UUID) -> None:
        self.name = name
        self._told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        db.live_queues[str(name)].append(self._told)

    @classmethod
    async def on(cls, db: Any, table: str | Table) -> Listener:
        return cls(db, await db.live(table))

    async def next(self) -> tuple[str, RecordID, Any]:
        told = await asyncio.wait_for(self._told.get(), 20)
        return told["action"], told["record"], told["result"]

    def is_silent(self) -> bool:
        return self._told.empty()


def at_a_gateway(folder: Path, test: Callable[[Endpoint], Awaitable[None]]) -> None:
    async def main() -> None:
        async with launch(Settings(str(folder))) as endpoint:
            await test(endpoint)

    asyncio.run(main())


async def fed(db: Any) -> set[str]:
    """What is there for live queries in the database: the feed, and the tables that write into it."""
    tables = (await db.query("INFO FOR DB"))["tables"]
    found = {name for name in tables if name == "runner_live"}
    for name in tables:
        quoted = name.replace("\\", "\\\\").replace("`", "\\`")
        if (await db.query(f"INFO FOR TABLE `{quoted}`"))["events"]:
            found.add(name)
    return found


def test_each_change_is_told_in_order_to_whoever_listens(tmp_path: Path) -> None:
    async def test(endpoint: Endpoint) -> None:
        async with client(endpoint) as writer, client(endpoint) as reader, client(endpoint, "other") as stranger:
            await writer.create(RecordID("x", 0), {"n": 0})
            await stranger.create(RecordID("x", 0), {"n": 0})
            mine, again = await Listener.on(reader, "x"), await Listener.on(reader, Table("x"))
            records = await reader.subscribe_live(mine.name)
            one = RecordID("x", ["é", 1])
            await stranger.create(RecordID("x", 1), {"n": -1})
            await writer.create(one, {"n": 1})
            await writer.query(
                "BEGIN; UPDATE $one SET n = 2; UPSERT x:2 CONTENT {n: 9}; DELETE $one; COMMIT", {"one": one}
            )
            expected = [
                ("CREATE", one, {"id": one, "n": 1}),
                ("UPDATE", one, {"id": one, "n": 2}),
                ("CREATE", RecordID("x", 2), {"id": RecordID("x", 2), "n": 9}),
                ("DELETE", one, {"id": one, "n": 2}),
            ]
            for listener in (mine, again):
                assert [await listener.next() for _ in expected] == expected
            assert [await anext(records) for _ in expected] == [record for _, _, record in expected]
            late = await Listener.on(writer, "x")
            await writer.merge(RecordID("x", 2), {"m": 1})
            assert await late.next() == ("UPDATE", RecordID("x", 2), {"id": RecordID("x", 2), "n": 9, "m": 1})

    at_a_gateway(tmp_path, test)


def test_an_edge_is_told_as_a_record(tmp_path: Path) -> None:
    async def test(endpoint: Endpoint) -> None:
        async with client(endpoint) as db:
            await db.query("DEFINE TABLE knows TYPE RELATION")
            told = await Listener.on(db, "knows")
            await db.query("CREATE x:1; RELATE x:1->knows:1->x:1")
            ends = {"id": RecordID("knows", 1), "in": RecordID("x", 1), "out": RecordID("x", 1)}
            assert await told.next() == ("CREATE", RecordID("knows", 1), ends)

    at_a_gateway(tmp_path, test)


def test_only_while_somebody_listens_a_table_has_a_feed(tmp_path: Path) -> None:
    async def test(endpoint: Endpoint) -> None:
        async with client(endpoint) as db:
            await db.query('CREATE x:1; CREATE `a\\`"b\\\\`:1')
            assert await fed(db) == set()
            async with client(endpoint) as other:
                first = await Listener.on(db, "x")
                await Listener.on(other, "x")
                odd = await Listener.on(other, 'a`"b\\')
                await db.query('UPDATE `a\\`"b\\\\` SET n = 1')
                assert (await odd.next())[0] == "UPDATE"
                assert await fed(db) == {"runner_live", "x", 'a`"b\\'}
                assert (tmp_path / "state.feeds").exists()
                await db.kill(first.name)
                assert "x" in await fed(db), "the other one still listens"
            while await fed(db):  # the gateway sees the end of a connection when it gets to it
                pass
            assert not (tmp_path / "state.feeds").exists()

    at_a_gateway(tmp_path, test)


def test_a_live_query_ends_with_its_session(tmp_path: Path) -> None:
    async def test(endpoint: Endpoint) -> None:
        async with client(endpoint) as db:
            await db.create("x", {"n": 0})
            session = await db.new_session()
            await session.signin({"username": endpoint.user, "password": endpoint.password})
            await session.use("n", "d")
            name = await session.live("x")
            with pytest.raises(SurrealError, match="Can not execute KILL"):
                await db.kill(name)  # it is not this session's
            await session.close_session()
            assert await fed(db) == set()
            told = await Listener.on(db, "x")
            await db.kill(str(told.name))
            await db.create("x", {"n": 1})
            assert told.is_silent()
            await db.live("x")
            await db.invalidate()
            await db.signin({"username": endpoint.user, "password": endpoint.password})
            assert await fed(db) == set()

    at_a_gateway(tmp_path, test)


def test_what_cannot_be_listened_to_is_said(tmp_path: Path) -> None:
    async def test(endpoint: Endpoint) -> None:
        async with AsyncSurreal(endpoint.url) as stranger:
            await stranger.use("n", "d")
            with pytest.raises(SurrealError, match="Anonymous access"):
                await stranger.live("x")
        async with client(endpoint) as db:
            with pytest.raises(SurrealError, match="does not exist"):
                await db.live("nothing")
            assert await fed(db) == set()
            await db.create(RecordID("x", 0), {"n": 0})
            told = await Listener.on(db, "x")
            with pytest.raises(SurrealError, match="'runner_live' does not exist"):
                await db.live("runner_live")  # it would tell of what it tells
            await db.create(RecordID("x", 1), {"n": 1})
            assert (await told.next())[0] == "CREATE"
            for name in (uuid4(), "no name"):
                with pytest.raises(SurrealError, match=r"Can not execute KILL|is wanted"):
                    await db.kill(name)

    at_a_gateway(tmp_path, test)


def test_who_does_not_read_is_cut_off_and_holds_up_nobody(tmp_path: Path) -> None:
    async def test(endpoint: Endpoint) -> None:
        async with client(endpoint) as db:
            await db.query("CREATE x:1 SET text = ''")
            told = await Listener.on(db, "x")
            slow = await connect(endpoint.url, subprotocols=[Subprotocol("cbor")], max_queue=1, proxy=None)
            who = {"user": cbor.pack_text(endpoint.user), "pass": cbor.pack_text(endpoint.password)}
            place = [cbor.pack_text("n"), cbor.pack_text("d")]
            for method, params in (("signin", [cbor.pack_map(who)]), ("use", place), ("live", [cbor.pack_text("x")])):
                message = {"id": cbor.pack_int(1), "method": cbor.pack_text(method), "params": cbor.pack_array(params)}
                await slow.send(cbor.pack_map(message))
                assert b"error" not in bytes(await slow.recv())
            for number in range(40):
                await db.query("UPDATE x:1 SET text = $text RETURN NONE", {"text": f"{number:2}" * 2**18})
                assert (await told.next())[0] == "UPDATE"
            heard = 0
            with contextlib.suppress(ConnectionClosedError):
                while await asyncio.wait_for(slow.recv(), 20):
                    heard += 1
            assert heard < 40

    at_a_gateway(tmp_path, test)


def test_a_killed_gateway_leaves_its_feeds_to_the_next_one(tmp_path: Path) -> None:
    async def killed(endpoint: Endpoint) -> None:
        async with client(endpoint) as db:
            await db.create("x", {"n": 0})
            await db.live("x")
            process = json.loads((tmp_path / "state.gateway").read_text())["process"]
            os.kill(process["pid"], signal.SIGKILL)

    async def after(endpoint: Endpoint) -> None:
        async with client(endpoint) as db:
            assert await fed(db) == set()
            assert not (tmp_path / "state.feeds").exists()

    at_a_gateway(tmp_path, killed)
    at_a_gateway(tmp_path, after)


def test_a_folder_whose_gateway_was_killed_is_quiet_for_whoever_opens_it(tmp_path: Path) -> None:
    async def killed(endpoint: Endpoint) -> None:
        store = SurrealStore.at(lambda: Address(endpoint.url, endpoint.user, endpoint.password))
        await store.open()
        async with AsyncSurreal(endpoint.url) as db:
            await db.signin({"username": endpoint.user, "password": endpoint.password})
            await db.use("runner", "runner")
            for table in await of_the_store(db):
                await db.live(table)
            assert await fed(db) >= {"event", "runner_live"}
            process = json.loads((tmp_path / "state.gateway").read_text())["process"]
            os.kill(process["pid"], signal.SIGKILL)
        with contextlib.suppress(StoreError):
            await store.close()

    async def of_the_store(db: Any) -> set[str]:
        return set((await db.query("INFO FOR DB"))["tables"])

    async def after(endpoint: Endpoint) -> None:
        async with AsyncSurreal(endpoint.url) as db:
            await db.signin({"username": endpoint.user, "password": endpoint.password})
            await db.use("runner", "runner")
            assert await fed(db) == set()

    async def opened() -> None:
        store = SurrealStore(tmp_path / "state")
        await store.open()
        await store.close()

    at_a_gateway(tmp_path, killed)
    (tmp_path / "state.feeds").unlink()  # as in a copy
    asyncio.run(opened())
    at_a_gateway(tmp_path, after)
