"""The tunnel and the previews over it, with an engine of this test's: a WebSocket that leads to servers here."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import websockets

from runner.embedded.webcontainer.launch import Endpoint, Ticket, launch
from runner.embedded.webcontainer.settings import Settings
from runner.embedded.webcontainer.tunnel import Kind, Tunnel

WINDOW = 256 * 1024
Server = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Engine:
    """The engine's side of a tunnel, as its contract says; `servers` are those inside, by port."""

    def __init__(self, servers: dict[int, Server]) -> None:
        self.servers = servers
        self.frames: list[tuple[int, int]] = []
        self.writers: dict[int, asyncio.StreamWriter] = {}
        self.credit: dict[int, int] = {}
        self.granted, self.connected = asyncio.Event(), asyncio.Event()
        self.outstanding_most = 0

    async def run(self, link: websockets.ClientConnection) -> None:
        tasks = set()
        try:
            async for frame in link:
                assert isinstance(frame, bytes)
                kind, number = struct.unpack_from(">BI", frame)
                self.frames.append((kind, number))
                payload = frame[5:]
                if kind == Kind.OPEN:
                    tasks.add(asyncio.create_task(self.open(link, number, int.from_bytes(payload, "big"))))
                elif kind == Kind.COOKIES:
                    await link.send(frame)
                elif kind == Kind.WINDOW:
                    self.credit[number] += int.from_bytes(payload, "big")
                    self.granted.set()
                elif kind == Kind.DATA:
                    self.writers[number].write(payload)
                    await self.writers[number].drain()
                    await link.send(struct.pack(">BII", Kind.WINDOW, number, len(payload)))
                elif kind == Kind.END:
                    self.writers[number].write_eof()
                elif kind == Kind.RESET and number in self.writers:
                    self.writers.pop(number).transport.abort()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def open(self, link: websockets.ClientConnection, number: int, port: int) -> None:
        if port not in self.servers:
            await link.send(struct.pack(">BI", Kind.REFUSED, number))
            return
        here, there = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=here)
        self.writers[number] = writer
        serving = asyncio.create_task(self.serve(self.servers[port], there))
        self.credit[number] = WINDOW
        self.connected.set()
        try:
            await link.send(struct.pack(">BI", Kind.OPENED, number))
            while data := await reader.read(50_000):
                while self.credit[number] < len(data):
                    self.granted.clear()
                    await self.granted.wait()
                self.credit[number] -= len(data)
                self.outstanding_most = max(self.outstanding_most, WINDOW - self.credit[number])
                await link.send(struct.pack(">BI", Kind.DATA, number) + data)
            await link.send(struct.pack(">BI", Kind.END, number))
            await serving
        finally:
            writer.transport.abort()
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    async def serve(self, server: Server, sock: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=sock)
        try:
            await server(reader, writer)
        finally:
            writer.close()


@asynccontextmanager
async def container(web: Path, servers: dict[int, Server]) -> AsyncIterator[tuple[Endpoint, Ticket, Engine]]:
    async with launch(Settings(), web) as endpoint:
        ticket = endpoint.container()
        async with linked(endpoint, ticket, servers) as engine:
            yield endpoint, ticket, engine


@asynccontextmanager
async def linked(endpoint: Endpoint, ticket: Ticket, servers: dict[int, Server]) -> AsyncIterator[Engine]:
    """The engine of a container, for as long as its WebSocket is open."""
    host = ticket.engine_origin.removeprefix("http://")
    address = endpoint.engine_address
    async with websockets.connect(
        f"ws://{host}/__runner/tunnel",
        origin=ticket.engine_origin,
        host=address[0],
        port=address[1],
        proxy=None,
        compression=None,  # type: ignore[arg-type]
    ) as link:
        engine = Engine(servers)
        running = asyncio.create_task(engine.run(link))
        try:
            yield engine
        finally:
            await link.close()
            await running


def asked(endpoint: Endpoint, ticket: Ticket, port: int) -> httpx.AsyncClient:
    """A client for a port in the container; other programs than browsers connect by address and send the name."""
    host = ticket.preview(port).removeprefix("http://")
    place, number = endpoint.engine_address
    return httpx.AsyncClient(base_url=f"http://{place}:{number}", headers={"Host": host}, trust_env=False)


async def request_of(reader: asyncio.StreamReader) -> tuple[str, list[tuple[str, str]]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").split("\r\n")
    return head[0], [tuple(line.split(": ", 1)) for line in head[1:] if line]  # type: ignore[misc]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Tells what it was asked, in a chunked answer with two cookies and a strange status."""
    line, fields = await request_of(reader)
    length = int(dict(fields).get("content-length", 0))
    body = await reader.readexactly(length)
    text = json.dumps({"line": line, "fields": fields, "body": body.decode()}).encode()
    writer.write(
        b"HTTP/1.1 418 Teapot\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nX-Own: yes\r\nConnection: x-own\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + f"{len(text):x}\r\n".encode() + text + b"\r\n0\r\n\r\n"
    )
    await writer.drain()


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers that all is well."""
    await request_of(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


def test_requests_and_answers_go_through_as_they_are(web: Path) -> None:
    async def go() -> None:
        async with container(web, {3000: echo}) as (endpoint, ticket, _), asked(endpoint, ticket, 3000) as client:
            answer = await client.request(
                "PATCH",
                "/a%2Fb/c?x=1&y=%20",
                content="hällo",
                headers={"Cookie": "s=1", "X-Hop": "1", "Connection": "X-Hop"},
            )
            told = answer.json()
            assert told["line"] == "PATCH /a%2Fb/c?x=1&y=%20 HTTP/1.1"
            fields = dict(told["fields"])
            assert fields["host"] == ticket.preview(3000).removeprefix("http://")
            assert fields["cookie"] == "s=1"
            assert "x-hop" not in fields
            assert told["body"] == "hällo"
            assert answer.status_code == 418
            assert answer.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2"]
            assert "x-own" not in answer.headers
            assert answer.headers["cross-origin-resource-policy"] == "cross-origin"

    asyncio.run(go())


def test_workers_hear_of_cookies_also_after_the_tunnel_was_opened_again(web: Path) -> None:
    """A worker that was made by the first tunnel lives on, and would not send the cookies of the second."""

    async def go() -> None:
        async with launch(Settings(), web) as endpoint:
            ticket = endpoint.container()
            async with asked(endpoint, ticket, 3000) as client:
                async with linked(endpoint, ticket, {3000: plain}) as engine:
                    await client.get("/", headers={"Sec-Fetch-Dest": "iframe"})
                    assert (Kind.SHOWN, 3000) in engine.frames
                async with linked(endpoint, ticket, {3000: echo}) as engine:
                    await client.get("/")
                    assert (Kind.COOKIES, 3000) in engine.frames
                    await client.get("/", headers={"Sec-Fetch-Dest": "iframe"})
                    assert (Kind.SHOWN, 3000) not in engine.frames

    asyncio.run(go())


@pytest.mark.parametrize("kind", ["iframe", "frame", "object", "embed", "worker", "document", "script"])
def test_what_an_isolated_page_shows_or_starts_is_isolated_too(kind: str, web: Path) -> None:
    async def go() -> str | None:
        async with container(web, {3000: plain}) as (endpoint, ticket, _), asked(endpoint, ticket, 3000) as client:
            answer = await client.get("/", headers={"Sec-Fetch-Dest": kind})
            return answer.headers.get("cross-origin-embedder-policy")

    assert asyncio.run(go()) == (None if kind in ("document", "script") else "credentialless")


@pytest.mark.parametrize(
    ("path", "body"),
    [("message", b"[" * 100_000), ("message", b'{"a": NaN}'), ("message", b"[]"), ("fields", b"[" * 100_000)],
    ids=["deep message", "no number", "no message", "deep headers"],
)  # fmt: skip
def test_what_a_page_says_that_is_no_json_is_refused(path: str, body: bytes, web: Path) -> None:
    async def go() -> int:
        async with container(web, {}) as (endpoint, ticket, _), asked(endpoint, ticket, 3000) as client:
            place = "/__runner/fields" if path == "fields" else "/__runner/preview-message"
            answer = await client.post(place, content=body, headers={"Origin": ticket.preview(3000)})
            return answer.status_code

    assert asyncio.run(go()) == 400


@pytest.mark.parametrize("path", ["fields", "preview-message"])
@pytest.mark.parametrize(
    ("port", "body", "status"), [(3001, b"{}", 403), (None, b"{}", 403), (3000, b"[" + b" " * 300_000 + b"]", 413)]
)
def test_only_pages_of_a_preview_speak_for_it_and_not_at_length(
    path: str, port: int | None, body: bytes, status: int, web: Path
) -> None:
    async def go() -> int:
        async with container(web, {}) as (endpoint, ticket, _), asked(endpoint, ticket, 3000) as client:
            origin = {} if port is None else {"Origin": ticket.preview(port)}
            answer = await client.post(f"/__runner/{path}", content=body, headers=origin)
            return answer.status_code

    assert asyncio.run(go()) == status


def test_of_a_worker_s_headers_only_those_of_cookies_are_set(web: Path) -> None:
    given = [["Set-Cookie", "a=1"], ["X-Own", "1"], ["set-cookie", "b=\r\nX-Own: 1"], ["Clear-Site-Data", '"cookies"']]

    async def go() -> httpx.Headers:
        async with container(web, {}) as (endpoint, ticket, _), asked(endpoint, ticket, 3000) as client:
            answer = await client.post("/__runner/fields", json=given, headers={"Origin": ticket.preview(3000)})
            assert answer.status_code == 204
            return answer.headers

    headers = asyncio.run(go())
    assert headers.get_list("set-cookie") == ["a=1"]
    assert headers["clear-site-data"] == '"cookies"'
    assert "x-own" not in headers


def test_an_answer_is_streamed_as_it_comes_and_a_client_that_leaves_ends_it(web: Path) -> None:
    broken = asyncio.Event()

    async def ticking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        try:
            while True:
                writer.write(b"data: tick\n\n")
                await writer.drain()
                if await asyncio.wait_for(reader.read(1), 0.02) == b"":
                    raise ConnectionResetError
        except TimeoutError:
            await ticking_on(reader, writer)
        except ConnectionError:
            broken.set()

    async def ticking_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not reader.at_eof():
                writer.write(b"data: tick\n\n")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            pass
        broken.set()

    async def go() -> None:
        async with (
            container(web, {3000: ticking}) as (endpoint, ticket, engine),
            asked(endpoint, ticket, 3000) as client,
        ):
            async with client.stream("GET", "/") as answer:
                got = 0
                async for _ in answer.aiter_lines():
                    got += 1
                    if got == 6:
                        break
            await asyncio.wait_for(broken.wait(), 5)
            assert (Kind.RESET, 1) in engine.frames

    asyncio.run(go())


def test_a_client_that_does_not_read_holds_the_server_back(web: Path) -> None:
    size = 32 * 1024 * 1024  # more than the kernel's buffers of two sockets

    async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(size // 65536):
            writer.write(b"x" * 65536)
            await writer.drain()

    async def go() -> None:
        async with container(web, {3000: large}) as (endpoint, ticket, engine), asked(endpoint, ticket, 3000) as client:
            async with client.stream("GET", "/") as answer:
                await asyncio.sleep(0.3)
                sent = sum(kind == Kind.WINDOW for kind, _ in engine.frames) * 65536 + WINDOW
                assert sent < size * 3 / 4
                assert sum([len(part) async for part in answer.aiter_bytes()]) == size
            assert engine.outstanding_most <= WINDOW

    asyncio.run(go())


def test_a_large_body_goes_in_chunks_and_arrives_whole(web: Path) -> None:
    async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, fields = await request_of(reader)
        assert dict(fields)["transfer-encoding"] == "chunked"
        total = 0
        while size := int(await reader.readline(), 16):
            total += len(await reader.readexactly(size))
            await reader.readexactly(2)
        body = str(total).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"y" * 20_000

    async def go() -> None:
        async with container(web, {3000: counting}) as (endpoint, ticket, _), asked(endpoint, ticket, 3000) as client:
            assert (await client.post("/", content=parts())).text == "2000000"

    asyncio.run(go())


def test_an_answer_may_come_before_the_request_has_ended(web: Path) -> None:
    async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge")
        await writer.drain()
        await reader.read()

    async def go() -> None:
        async with container(web, {3000: refusing}) as (endpoint, ticket, _):
            reader, writer = await asyncio.open_connection(*endpoint.engine_address)
            host = ticket.preview(3000).removeprefix("http://")
            writer.write(f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000\r\n\r\nbegin".encode())
            line, fields = await asyncio.wait_for(request_of(reader), 10)
            assert line.startswith("HTTP/1.1 413 ")
            assert await reader.readexactly(int(dict(fields)["Content-Length"])) == b"large"
            writer.close()
            await writer.wait_closed()

    asyncio.run(go())


def test_many_requests_at_once_do_not_mix(web: Path) -> None:
    async def go() -> None:
        async with container(web, {3000: echo}) as (endpoint, ticket, _), asked(endpoint, ticket, 3000) as client:
            answers = await asyncio.gather(*(client.post("/", content=str(n) * 1000) for n in range(40)))
            assert [answer.json()["body"] for answer in answers] == [str(n) * 1000 for n in range(40)]

    asyncio.run(go())


def test_a_truncated_answer_does_not_pass_for_a_whole_one(web: Path) -> None:
    async def cutting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")

    async def go() -> None:
        async with container(web, {3000: cutting}) as (endpoint, ticket, _), asked(endpoint, ticket, 3000) as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get("/")

    asyncio.run(go())


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nContent-Len"])
def test_a_server_that_speaks_no_http_is_a_502(web: Path, said: bytes) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(said)

    async def go() -> None:
        async with container(web, {3000: silent}) as (endpoint, ticket, _), asked(endpoint, ticket, 3000) as client:
            answer = await client.get("/")
            assert answer.status_code == 502
            assert "port 3000 gave no answer that is HTTP" in answer.text

    asyncio.run(go())


def test_a_closed_port_says_so_in_the_form_that_is_asked_for(web: Path) -> None:
    async def go() -> None:
        async with container(web, {}) as (endpoint, ticket, _), asked(endpoint, ticket, 8080) as client:
            plain = await client.get("/")
            page = await client.get("/", headers={"Accept": "text/html,*/*"})
            assert (plain.status_code, plain.headers["content-type"]) == (502, "text/plain; charset=utf-8")
            assert plain.text == "Nobody listens: no server listens on port 8080 in this container\n"
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert "<h1>Nobody listens</h1>" in page.text
            head = await client.head("/")
            assert (head.status_code, head.content) == (502, b"")

    asyncio.run(go())


def test_no_engine_no_answer(web: Path) -> None:
    async def go() -> None:
        async with launch(Settings(), web) as endpoint:
            ticket = endpoint.container()
            async with asked(endpoint, ticket, 3000) as client:
                answer = await client.get("/")
                assert (answer.status_code, "has not started" in answer.text) == (502, True)
                ticket.close()
                assert (await client.get("/")).status_code == 421

    asyncio.run(go())


def test_a_websocket_to_a_port_is_refused_with_a_reason(web: Path) -> None:
    async def go() -> None:
        async with container(web, {3000: echo}) as (endpoint, ticket, _):
            place, number = endpoint.engine_address
            url = ticket.preview(3000).replace("http", "ws", 1)
            with pytest.raises(websockets.InvalidStatus) as raised:
                async with websockets.connect(url, host=place, port=number, proxy=None):
                    pass
            assert raised.value.response.status_code == 501
            assert b"a preview carries HTTP only" in raised.value.response.body

    asyncio.run(go())


def test_only_the_engine_itself_may_open_a_tunnel(web: Path) -> None:
    async def go() -> None:
        async with launch(Settings(), web) as endpoint:
            ticket = endpoint.container()
            place, number = endpoint.engine_address
            url = f"{ticket.engine_origin.replace('http', 'ws', 1)}/__runner/tunnel"
            for origin in (None, endpoint.host_origin, ticket.preview(80)):
                with pytest.raises(websockets.InvalidStatus):
                    async with websockets.connect(url, host=place, port=number, proxy=None, origin=origin):  # type: ignore[arg-type]
                        pass

    asyncio.run(go())


def test_closing_a_container_ends_what_is_under_way(web: Path) -> None:
    async def waiting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def go() -> None:
        async with (
            container(web, {3000: waiting}) as (endpoint, ticket, engine),
            asked(endpoint, ticket, 3000) as client,
        ):
            asking = asyncio.create_task(client.get("/"))
            await engine.connected.wait()
            ticket.close()
            answer = await asyncio.wait_for(asking, 5)
            assert (answer.status_code, "the container is gone" in answer.text) == (502, True)

    asyncio.run(go())


def test_an_engine_that_sends_more_than_it_may_is_cut_off() -> None:
    async def go() -> None:
        sent: list[bytes] = []

        async def send(frame: bytes) -> None:
            sent.append(frame)

        async def frames() -> AsyncIterator[bytes]:
            yield struct.pack(">BI", Kind.OPENED, 1)
            yield struct.pack(">BI", Kind.DATA, 1) + b"x" * WINDOW
            yield struct.pack(">BI", Kind.DATA, 1) + b"x"
            yield b"\x04"

        tunnel = Tunnel(send)
        opening = asyncio.create_task(tunnel.open(3000))
        await asyncio.sleep(0)
        await tunnel.carry(frames())
        await opening
        assert [frame[0] for frame in sent] == [Kind.OPEN, Kind.RESET]

    asyncio.run(go())


def test_http_1_0_clients_get_an_answer_that_ends_with_the_connection(web: Path) -> None:
    async def go() -> None:
        async with container(web, {3000: echo}) as (endpoint, ticket, _):
            place, number = endpoint.engine_address

            def ask() -> tuple[int, bytes]:
                connection = http.client.HTTPConnection(place, number, timeout=10)
                connection._http_vsn, connection._http_vsn_str = 10, "HTTP/1.0"  # type: ignore[attr-defined]
                connection.putrequest("GET", "/", skip_host=True)
                connection.putheader("Host", ticket.preview(3000).removeprefix("http://"))
                connection.endheaders()
                answer = connection.getresponse()
                body = answer.read()
                connection.close()
                return answer.status, body

            status, body = await asyncio.to_thread(ask)
            assert status == 418
            assert json.loads(body)["line"].startswith("GET / ")

    asyncio.run(go())


def test_a_message_has_one_end_for_everybody(web: Path) -> None:
    """Two lengths, or a `Connection` that takes the length away, must not make two messages of one."""

    async def chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, fields = await request_of(reader)
        assert ("content-length", "3") not in fields
        assert await reader.readuntil(b"0\r\n\r\n") == b"5\r\nhello\r\n0\r\n\r\n"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n")

    async def ask(endpoint: Endpoint, ticket: Ticket, port: int, rest: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*endpoint.engine_address)
        host = ticket.preview(port).removeprefix("http://").encode()
        writer.write(b"POST / HTTP/1.1\r\nHost: " + host + b"\r\n" + rest)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 418")), head
        assert b"content-length" not in head.lower()
        body = await reader.readuntil(b"0\r\n\r\n")
        writer.close()
        return body

    async def go() -> None:
        async with container(web, {1: chunks, 2: echo}) as (endpoint, ticket, _):
            both = b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
            assert await ask(endpoint, ticket, 1, both) == b"3\r\nyes\r\n0\r\n\r\n"
            taken = b"Content-Length: 5\r\nConnection: content-length, host\r\n\r\nhello"
            assert b'"body": "hello"' in await ask(endpoint, ticket, 2, taken)

    asyncio.run(go())
