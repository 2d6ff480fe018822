"""noVNC's server in a box: files, and web sockets joined to a server that answers what it hears."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
import websockets
from websockets.asyncio.client import connect

from runner.embedded.e2b.box.http1 import connection
from runner.embedded.e2b.box.novnc import NoVNC

Scenario = Callable[[int], Awaitable[None]]


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(b"bye" if data == b"close" else data)
        if data == b"close":
            break
    writer.close()


@pytest.fixture
def serving(tmp_path: Path) -> Callable[[Scenario], None]:
    """Run a scenario against a server whose files are in a folder with one page."""
    web = tmp_path / "web"
    (web / "app").mkdir(parents=True)
    (web / "vnc.html").write_text("<title>page</title>")
    (web / "app" / "ui.js").write_text("// script")
    (tmp_path / "secret").write_text("outside")

    def run(scenario: Scenario) -> None:
        async def go() -> None:
            vnc = await asyncio.start_server(_echo, "127.0.0.1", 0)
            novnc = NoVNC(web, "127.0.0.1", vnc.sockets[0].getsockname()[1])
            loop = asyncio.get_running_loop()
            server = await loop.create_server(lambda: connection(novnc.answer), "127.0.0.1", 0)
            try:
                await scenario(server.sockets[0].getsockname()[1])
            finally:
                server.close()
                vnc.close()

        asyncio.run(go())

    return run


def test_files_and_the_page_of_a_folder(serving: Callable[[Scenario], None]) -> None:
    async def scenario(port: int) -> None:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            page = await client.get("/?autoconnect=true")
            assert (page.status_code, page.text) == (200, "<title>page</title>")
            script = await client.get("/app/ui.js")
            assert script.headers["content-type"] == "text/javascript"
            assert (await client.get("/gone.js")).status_code == 404
            assert (await client.post("/vnc.html")).status_code == 405

    serving(scenario)


@pytest.mark.parametrize("path", ["/../secret", "/app/../../secret", "/%2e%2e/secret", "/a%00b"])
def test_no_path_leads_out_of_the_folder(serving: Callable[[Scenario], None], path: str) -> None:
    async def scenario(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        assert b" 404 " in answer.splitlines()[0]
        assert b"outside" not in answer

    serving(scenario)


@pytest.mark.parametrize("size", [1, 125, 126, 65_535, 65_536, 1_000_000])
def test_bytes_go_there_and_back_whole(serving: Callable[[Scenario], None], size: int) -> None:
    data = bytes(number * 7 % 251 for number in range(size))

    async def scenario(port: int) -> None:
        async with connect(f"ws://127.0.0.1:{port}/websockify", subprotocols=[websockets.Subprotocol("binary")]) as ws:
            assert ws.subprotocol == "binary"
            await ws.send(data)
            back = b""
            while len(back) < size:
                piece = await ws.recv()
                assert isinstance(piece, bytes)
                back += piece
            assert back == data

    serving(scenario)


def test_pings_are_answered_and_ends_are_passed_on(serving: Callable[[Scenario], None]) -> None:
    async def scenario(port: int) -> None:
        async with connect(f"ws://127.0.0.1:{port}/websockify", ping_interval=None) as ws:
            await (await ws.ping(b"there?"))
            await ws.send(b"close")
            assert await ws.recv() == b"bye"
            with pytest.raises(websockets.ConnectionClosed):
                await ws.recv()

    serving(scenario)


@pytest.mark.parametrize("frame", [b"\x82\x01x", b"\x82\xff" + (1 << 40).to_bytes(8, "big") + b"mask"])
def test_frames_that_break_the_protocol_end_the_connection(serving: Callable[[Scenario], None], frame: bytes) -> None:
    async def scenario(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = "GET /websockify HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        head += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        writer.write(head.encode())
        # The key and its answer are the example of RFC 6455, 1.3.
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in await reader.readuntil(b"\r\n\r\n")
        writer.write(frame)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()

    serving(scenario)


def test_a_handshake_of_another_version_or_without_a_server_is_refused(serving: Callable[[Scenario], None]) -> None:
    async def scenario(port: int) -> None:
        fields = {"Connection": "Upgrade", "Upgrade": "websocket"}
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://127.0.0.1:{port}/websockify", headers=fields)
            assert answer.status_code == 400

    serving(scenario)
