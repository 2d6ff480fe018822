"""SurrealDB's protocol at the gateway, by the unchanged SDK and by hand."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import websockets
from surrealdb import AsyncSurreal, RecordID
from surrealdb.errors import SurrealError
from websockets import Origin, Subprotocol

from runner.embedded.surreal import cbor
from runner.embedded.surreal.launch import launch
from runner.embedded.surreal.sessions import Denied, Doorkeeper
from runner.embedded.surreal.settings import Endpoint, Settings

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("protocol")


@asynccontextmanager
async def client(endpoint: Endpoint, database: str = "d") -> AsyncIterator[Any]:
    async with AsyncSurreal(endpoint.url) as db:
        await db.signin({"username": endpoint.user, "password": endpoint.password})
        await db.use("n", database)
        yield db


def at_a_gateway(folder: Path, test: Callable[[Endpoint], Awaitable[None]]) -> None:
    async def main() -> None:
        async with launch(Settings(str(folder))) as endpoint:
            await test(endpoint)

    asyncio.run(main())


def test_the_sdk_writes_and_reads(folder: Path) -> None:
    async def test(endpoint: Endpoint) -> None:
        async with client(endpoint, "crud") as db:
            assert await db.create(RecordID("x", 1), {"a": 1}) == {"id": RecordID("x", 1), "a": 1}
            await db.upsert(RecordID("x", 2), {"a": 2})
            await db.merge(RecordID("x", 2), {"b": 3})
            await db.patch(RecordID("x", 2), [{"op": "replace", "path": "/b", "value": 4}])
            assert await db.select(RecordID("x", 2)) == [{"id": RecordID("x", 2), "a": 2, "b": 4}]
            await db.insert("x", [{"id": 3}])
            await db.insert_relation("knows", {"in": RecordID("x", 1), "out": RecordID("x", 2)})
            assert await db.query("SELECT VALUE ->knows->x.a FROM x:1") == [[2]]
            await db.delete(RecordID("x", 3))
            assert len(await db.select("x")) == 2
            assert (await db.version()).endswith("+gateway")
            with pytest.raises(SurrealError, match="Parse error"):
                await db.query("SELEC 1")

    at_a_gateway(folder, test)


def test_sessions_keep_place_and_variables_apart(folder: Path) -> None:
    async def test(endpoint: Endpoint) -> None:
        async with client(endpoint, "one") as first, client(endpoint, "two") as second:
            await first.create("x", {"a": 1})
            assert await second.query("SELECT * FROM x") == []
            await first.let("v", 7)
            assert (await first.query("RETURN $v"), await second.query("RETURN $v")) == (7, None)
            assert await first.query("RETURN $v", {"v": 8}) == 8
            await first.unset("v")
            assert await first.query("RETURN $v") is None
            another = await first.new_session()
            with pytest.raises(SurrealError, match="Anonymous access"):
                await another.query("RETURN 1")
            await another.signin({"username": endpoint.user, "password": endpoint.password})
            await another.use("n", "two")
            await another.create("y", {"b": 1})
            assert len(await second.select("y")) == 1
            assert await first.select("y") == []
            with pytest.raises(SurrealError, match="Method not found"):
                await another.begin_transaction()
            await another.close_session()
            with pytest.raises(SurrealError, match="no such session"):
                await another.query("RETURN 1")

    at_a_gateway(folder, test)


def test_only_who_knows_the_password_gets_in(folder: Path) -> None:
    async def test(endpoint: Endpoint) -> None:
        async with AsyncSurreal(endpoint.url) as db:
            await db.use("n", "d")
            with pytest.raises(SurrealError, match="Anonymous access"):
                await db.query("RETURN 1")
            for given in (
                {"username": endpoint.user, "password": "wrong"},
                {"username": "other", "password": endpoint.password},
                {"username": endpoint.user, "password": endpoint.password, "namespace": "n"},
            ):
                with pytest.raises(SurrealError, match="problem with authentication"):
                    await db.signin(given)
            with pytest.raises(SurrealError, match="problem with authentication"):
                await db.signup({"username": "new", "password": "new"})
            token = (await db.signin({"username": endpoint.user, "password": endpoint.password})).access
            assert await db.query("RETURN 1") == 1
            await db.invalidate()
            with pytest.raises(SurrealError, match="Anonymous access"):
                await db.query("RETURN 1")
            await db.authenticate(token)
            assert await db.query("RETURN 1") == 1
            with pytest.raises(SurrealError, match="problem with authentication"):
                await db.authenticate(token[:-2] + "AA")
            with pytest.raises(SurrealError, match="Anonymous access"):  # a failed attempt ends what was before
                await db.query("RETURN 1")

    at_a_gateway(folder, test)


def test_a_token_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Doorkeeper("u", "p")
    token = keeper.sign_in({"user": "u", "pass": "p"})
    keeper.check(token)
    monkeypatch.setattr("runner.embedded.surreal.sessions.time.time", lambda: 2**33)
    with pytest.raises(Denied, match="expired"):
        keeper.check(token)


def test_pages_of_a_browser_and_strangers_are_turned_away(folder: Path) -> None:
    async def test(endpoint: Endpoint) -> None:
        with pytest.raises(websockets.InvalidStatus, match="403"):
            await websockets.connect(endpoint.url, origin=Origin("https://example.com"))
        with pytest.raises(websockets.InvalidStatus, match="404"):
            await websockets.connect(endpoint.url.replace("/rpc", "/other"))
        place = endpoint.url.removeprefix("ws://").removesuffix("/rpc")

        def asked(path: str) -> tuple[int, str]:
            connection = http.client.HTTPConnection(place, timeout=10)
            connection.request("GET", path)
            answer = connection.getresponse()
            found = answer.status, answer.read().decode()
            connection.close()
            return found

        assert await asyncio.to_thread(asked, "/health") == (200, "")
        assert (await asyncio.to_thread(asked, "/version"))[1].startswith("surrealdb-")

    at_a_gateway(folder, test)


def test_garbage_ends_its_own_connection_only(folder: Path) -> None:
    async def test(endpoint: Endpoint) -> None:
        async with client(endpoint) as db:
            for garbage in (b"", b"\xff", b"\xa1", b"\xbf" * 100_000, b"\x9f" * 100_000, "text", b"\xa1\x62id\x01"):
                async with websockets.connect(endpoint.url, subprotocols=[Subprotocol("cbor")]) as socket:
                    await socket.send(garbage)
                    with pytest.raises(websockets.ConnectionClosed):
                        await socket.recv()
            assert await db.query("RETURN 1") == 1

    at_a_gateway(folder, test)


def test_a_client_that_does_not_read_holds_up_nobody(folder: Path) -> None:
    async def test(endpoint: Endpoint) -> None:
        async with client(endpoint, "slow") as db:
            await db.create(RecordID("big", 1), {"text": "x" * 1_000_000})
            async with websockets.connect(endpoint.url, subprotocols=[Subprotocol("cbor")]) as socket:
                await _call(socket, "signin", _credentials(endpoint))
                await socket.recv()
                await _call(socket, "use", cbor.pack_text("n"), cbor.pack_text("slow"))
                for _ in range(30):
                    await _call(socket, "query", cbor.pack_text("SELECT * FROM big:1"), cbor.pack_map({}))
                for _ in range(20):
                    assert await db.query("RETURN 1") == 1
                answers = [len(await socket.recv()) for _ in range(31)]
                assert sum(size > 1_000_000 for size in answers) == 30

    at_a_gateway(folder, test)


def _credentials(endpoint: Endpoint) -> bytes:
    return cbor.pack_map({"user": cbor.pack_text(endpoint.user), "pass": cbor.pack_text(endpoint.password)})


async def _call(socket: Any, method: str, *params: bytes) -> None:
    fields = {"id": cbor.pack_text("1"), "method": cbor.pack_text(method), "params": cbor.pack_array(params)}
    await socket.send(cbor.pack_map(fields))
