"""HTTP/1.1 framing: what is understood, what is refused, and what a handler's answer looks like on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from runner.embedded.e2b.box import http1
from runner.embedded.e2b.box.http1 import Body, Exchange, Head, Inlet, ProtocolError, connection, parse_head, read_head


def _inlet(raw: bytes, *, ended: bool = True, step: int = 0) -> Inlet:
    inlet = Inlet()
    for at in range(0, len(raw), step or max(1, len(raw))):
        inlet.feed_data(raw[at : at + (step or len(raw))])
    if ended:
        inlet.feed_eof()
    return inlet


def _body(head: str, raw: bytes) -> bytes:
    async def go() -> bytes:
        inlet = _inlet(raw)
        return await Body.of_request(inlet, parse_head(head.encode("latin-1"))).read()

    return asyncio.run(go())


def test_a_head_is_taken_apart() -> None:
    head = parse_head(b"GET /a%20b?x=1&x=2&y= HTTP/1.1\r\nHost: h\r\nX-Two:  one , Two\r\nx-two: THREE\r\n\r\n")
    assert (head.method, head.path, head.query) == ("GET", "/a b", {"x": "2", "y": ""})
    assert head.get("HOST") == "h"
    assert head.get("none", "default") == "default"
    assert head.tokens("x-two") == {"one", "two", "three"}
    assert head.persistent
    assert parse_head(head.encode()) == head


@pytest.mark.parametrize(
    ("raw", "goes_on"),
    [
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
    ],
)
def test_whether_a_connection_goes_on(raw: bytes, goes_on: bool) -> None:
    assert parse_head(raw).persistent is goes_on


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nspace : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nna(me): x\r\n\r\n",
        b"GET /a\nX:y HTTP/1.1\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: 1\nB: 2\r\n\r\n",
        b"HTTP/1.1 20x OK\r\n\r\n",
    ],
)
def test_a_malformed_head_is_refused(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_head(raw)


@pytest.mark.parametrize(
    "fields",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: -1",
        "Content-Length: five",
        "Content-Length: \xb2",
        "Content-Length: " + "9" * 5000,
        "Transfer-Encoding: gzip, chunked",
    ],
)
def test_ambiguous_framing_is_refused(fields: str) -> None:
    with pytest.raises(ProtocolError):
        _body(f"POST / HTTP/1.1\r\n{fields}\r\n\r\n", b"12345")


def test_bodies() -> None:
    assert _body("POST / HTTP/1.1\r\n\r\n", b"left alone") == b""
    assert _body("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", b"12345next") == b"12345"
    chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"
    assert _body(chunked, b"3\r\nabc\r\n00A;x=y\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n") == b"abc0123456789"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"3\r\nab",
        b"3\r\nabcd\r\n",
        b"x\r\n",
        b"\r\n",
        b"3\r\nabc\r\n",
        b"0\r\n",
        b"-1\r\nabc",
        b"0x1\r\na\r\n0\r\n\r\n",
        b"1_0\r\n",
    ],
)
def test_a_broken_chunked_body_is_no_body(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        _body("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", raw)


def test_a_body_cut_short_is_no_body() -> None:
    with pytest.raises(ProtocolError):
        _body("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", b"1234")


def test_a_head_cut_short_is_told_from_a_quiet_end() -> None:
    async def go() -> None:
        assert await read_head(_inlet(b"")) is None
        with pytest.raises(ProtocolError):
            await read_head(_inlet(b"GET / HT"))
        with pytest.raises(ProtocolError):
            await read_head(_inlet(b"GET / HTTP/1.1\r\nA: " + b"x" * 70_000 + b"\r\n\r\n"))

    asyncio.run(go())


def test_exact_reads_cross_chunks() -> None:
    async def go() -> None:
        raw = b"2\r\nab\r\n5\r\ncdefg\r\n0\r\n\r\n"
        body = Body.of_request(_inlet(raw), Head("POST", "/", "HTTP/1.1", [("Transfer-Encoding", "chunked")]))
        assert await body.exactly(3) == b"abc"
        assert await body.exactly(4) == b"defg"
        assert await body.exactly(1) is None

    asyncio.run(go())


def _converse(handle: Callable[[Exchange], Awaitable[None]], raw: bytes) -> bytes:
    async def go() -> bytes:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: connection(handle), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(raw)
        writer.write_eof() if not raw else None
        try:
            return await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()
            await writer.wait_closed()
            server.close()
            await server.wait_closed()

    return asyncio.run(go())


async def _echo(exchange: Exchange) -> None:
    await exchange.json(200, {"path": exchange.head.path, "body": (await exchange.body.read()).decode()})


def test_requests_of_one_connection_are_answered_in_order() -> None:
    raw = (
        b"POST /one HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
        b"POST /two HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
        b"GET /three HTTP/1.1\r\nConnection: close\r\n\r\n"
    )
    said = _converse(_echo, raw)
    assert said.count(b"HTTP/1.1 200 OK") == 3
    assert said.index(b'"abc"') < said.index(b'"x"') < said.index(b"/three")
    assert said.count(b"connection: close") == 1


def test_a_body_that_nobody_read_does_not_become_the_next_request() -> None:
    async def deaf(exchange: Exchange) -> None:
        await exchange.reply(204)

    inner = b"GET /smuggled HTTP/1.1\r\n\r\n"
    raw = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(inner), inner)
    said = _converse(deaf, raw + b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert said.count(b"HTTP/1.1 204") == 2


def test_a_bad_request_is_answered_and_the_connection_closed() -> None:
    said = _converse(_echo, b"GET / HTTP/9.9\r\n\r\nGET / HTTP/1.1\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 400")
    assert said.count(b"content-length") == 1


def test_a_stream_goes_in_chunks_and_a_broken_one_has_no_end() -> None:
    async def stream(exchange: Exchange) -> None:
        await exchange.start(200, {"content-type": "x"}, b"one")
        await exchange.send(b"three")
        if exchange.head.path == "/whole":
            await exchange.finish()
        exchange.persistent = False

    assert _converse(stream, b"GET /whole HTTP/1.1\r\n\r\n").endswith(b"3\r\none\r\n5\r\nthree\r\n0\r\n\r\n")
    assert not _converse(stream, b"GET /cut HTTP/1.1\r\n\r\n").endswith(b"0\r\n\r\n")


def test_a_client_that_waits_for_leave_gets_it() -> None:
    raw = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    assert _converse(_echo, raw).startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


def test_a_client_that_has_gone_is_noticed_without_reading() -> None:
    async def go() -> None:
        inlet = _inlet(b"", ended=False)
        assert not inlet.gone.is_set()
        inlet.feed_eof()
        assert inlet.gone.is_set()

    asyncio.run(go())


def test_a_head_that_is_begun_must_be_ended_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "HEAD_SECONDS", 0.05)

    async def go() -> None:
        with pytest.raises(ProtocolError, match="took longer") as caught:
            await http1.read_request(_inlet(b"GET / HTTP/1.1\r\n", ended=False))
        assert caught.value.status == 408
        idle = asyncio.ensure_future(http1.read_request(_inlet(b"", ended=False)))
        await asyncio.sleep(0.1)
        assert not idle.done(), "a connection may be idle for as long as it likes"
        idle.cancel()

    asyncio.run(go())


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 400_000 + b"\r\n\r\n", 431),
        (b"\x16\x03\x01\r\n\r\n", 400),
    ],
)
def test_a_head_that_is_refused_says_why(raw: bytes, status: int) -> None:
    async def go() -> None:
        with pytest.raises(ProtocolError) as caught:
            await http1.read_request(_inlet(raw))
        assert caught.value.status == status

    asyncio.run(go())


def test_an_old_client_may_not_send_chunks() -> None:
    with pytest.raises(ProtocolError):
        _body("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n")
