"""The reverse proxy: from a client's request to a port of a box and back, streams included."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from runner.embedded.e2b.box.http1 import Body, Exchange, Head, ProtocolError, close, read_head
from runner.embedded.e2b.boxes.box import CARRY_SECONDS, ENVD_PORT, Box, BoxDead, PortShut
from runner.embedded.e2b.boxes.boxes import Boxes
from runner.embedded.e2b.front import pages
from runner.records import dataclass

#: Requests to one box at a time.
LIMIT = 2_000
#: Seconds without a byte after which a stopped box's connection has carried all there was; and after which its client
#: is taken not to read any more, when there is still something.
_QUIET_SECONDS, _STUCK_SECONDS = 0.3, 5.0
#: Fields that belong to one hop (RFC 9110, 7.6.1).
_HOP = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "transfer-encoding", "expect")
)
#: Those that no `Connection` field can take away: without them a message ends elsewhere, or is another one.
_NEEDED = frozenset(("content-length", "host"))
#: Those that say where to and by what right: to the edge, and to the proxy of a box.
EDGE_FIELDS = frozenset(
    ("e2b-sandbox-id", "e2b-sandbox-port", "e2b-traffic-access-token", "x-access-token", "x-api-key")
)
PROXY_FIELDS = frozenset(("proxy-authorization", "proxy-authenticate"))


@dataclass(frozen=True, slots=True)
class Onward:
    """How a request goes on: its target, its Host where that is another one, and the fields that stay behind."""

    target: str
    host: str = ""
    dropped: frozenset[str] = EDGE_FIELDS


async def not_found(exchange: Exchange, boxes: Boxes, name: str, port: int) -> None:
    """What E2B's proxy says when a box is not running (any more), and after it the reason if we know it."""
    await exchange.body.drain()
    message = _missing(boxes, name)
    if _for_person(exchange, port):
        await pages.not_found(exchange, message)
    else:
        await exchange.json(502, {"sandboxId": name, "message": message, "code": 502})


async def forward(boxes: Boxes, exchange: Exchange, name: str, port: int, onward: Onward) -> None:
    """Pass a request on to a box and its answer back.

    A box that dies in the middle breaks the client's connection: an answer cut short must not look like a whole one.
    """
    box = boxes.get(name)
    if box is None or box.paused_at is not None:
        await not_found(exchange, boxes, name, port)
        return
    if box.requests >= LIMIT:
        await exchange.body.drain()
        message = f"The sandbox {name} has {LIMIT} requests under way already"
        await exchange.json(429, {"sandboxId": name, "message": message, "code": 429})
        return
    with box.asked():
        await _forward(boxes, exchange, box, port, onward)


async def _forward(boxes: Boxes, exchange: Exchange, box: Box, port: int, onward: Onward) -> None:
    name, severed = box.id, box.severed
    try:
        reader, writer = await box.connect(port)
    except BoxDead:
        await not_found(exchange, boxes, name, port)
        return
    except PortShut:
        await exchange.body.drain()
        message = "The sandbox is running but port is not open"
        if _for_person(exchange, port):
            await pages.closed_port(exchange, name, port)
        else:
            await exchange.json(502, {"sandboxId": name, "message": message, "port": port, "code": 502})
        return
    work = asyncio.ensure_future(exchanged(exchange, reader, writer, onward))
    ends = [asyncio.ensure_future(severed.wait()), asyncio.ensure_future(exchange.reader.gone.wait())]
    try:
        await asyncio.wait({work, *ends}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            # Either the client has gone, or the box stands still or is dead: only what it had said before is left.
            if severed.is_set():
                await _carry(exchange, work)
            work.cancel()
            await _break(exchange, name, _missing(boxes, name) if severed.is_set() else "")
        with suppress(asyncio.CancelledError):
            await work
    except (ProtocolError, ConnectionError):
        await _break(exchange, name, _missing(boxes, name) if severed.is_set() else "")
    finally:
        for end in ends:
            end.cancel()
        await close(writer)


async def _carry(exchange: Exchange, work: asyncio.Future[None]) -> None:
    """Let what a box had said before it was stopped reach a client that reads, even a slow one."""
    loop = asyncio.get_running_loop()
    moved, before = loop.time(), (-1, 0)
    until = moved + CARRY_SECONDS
    while not work.done() and not exchange.reader.gone.is_set() and loop.time() < until:
        now = (exchange.sent, exchange.writer.transport.get_write_buffer_size())
        if now != before:
            moved, before = loop.time(), now
        elif not now[1] or loop.time() > moved + _STUCK_SECONDS:
            return
        await asyncio.wait({work}, timeout=_QUIET_SECONDS)


def _for_person(exchange: Exchange, port: int) -> bool:
    """The agent is asked by the SDK alone, also where that runs in a browser."""
    return port != ENVD_PORT and pages.by_browser(exchange.head)


def _missing(boxes: Boxes, name: str) -> str:
    return f"The sandbox {name} was not found{boxes.why(name)}"


async def _break(exchange: Exchange, name: str, message: str) -> None:
    if exchange.started or exchange.reader.gone.is_set():
        exchange.abort()
        return
    exchange.persistent = False
    message = message or "the box broke off the connection"
    await exchange.json(502, {"sandboxId": name, "message": message, "code": 502})


async def exchanged(
    exchange: Exchange, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, onward: Onward
) -> None:
    """Send a request on over a connection, and its answer back. Raises ProtocolError, ConnectionError."""
    upgrade = exchange.head.get("upgrade") if "upgrade" in exchange.head.tokens("connection") else ""
    writer.write(_request(exchange, onward, upgrade).encode())
    sending = asyncio.ensure_future(_send_body(exchange.body, writer))
    try:
        answer = await read_head(reader)
        while answer is not None and answer.status in (100, 102, 103):
            answer = await read_head(reader)
        if answer is None:
            raise ProtocolError("the connection ended without an answer")
        if answer.status == 101:
            await _tunnel(exchange, answer, reader, writer)
            return
        await _answer(exchange, answer, Body.of_response(reader, answer, exchange.head.method))
        if not sending.done():
            exchange.persistent = False
    finally:
        sending.cancel()
        with suppress(asyncio.CancelledError, ProtocolError, ConnectionError):
            await sending


def _request(exchange: Exchange, onward: Onward, upgrade: str) -> Head:
    head = exchange.head
    dropped = _HOP | onward.dropped | (head.tokens("connection") - _NEEDED)
    fields = [(key, value) for key, value in head.fields if key.lower() not in dropped]
    if onward.host:
        fields = [("Host", onward.host), *((key, value) for key, value in fields if key.lower() != "host")]
    if exchange.body.chunked:
        fields.append(("Transfer-Encoding", "chunked"))
    fields += [("Connection", "Upgrade"), ("Upgrade", upgrade)] if upgrade else [("Connection", "close")]
    return Head(head.method, onward.target, "HTTP/1.1", fields)


async def _send_body(body: Body, writer: asyncio.StreamWriter) -> None:
    while piece := await body.piece():
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if body.chunked else piece)
        await writer.drain()
    if body.chunked:
        writer.write(b"0\r\n\r\n")
    await writer.drain()


async def _answer(exchange: Exchange, answer: Head, body: Body) -> None:
    dropped = _HOP | (answer.tokens("connection") - _NEEDED)
    fields = [(key, value) for key, value in answer.fields if key.lower() not in dropped]
    # A short body goes out with its head; a stream's head goes at once, for its first piece may be long in coming.
    piece = await body.piece() if body.length else b""
    await exchange.begin(Head("HTTP/1.1", answer.second, answer.third, fields), piece, chunked=body.length is None)
    while not body.done and (piece := await body.piece()):
        await exchange.send(piece)
    await exchange.finish()


async def _tunnel(exchange: Exchange, answer: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """After `101 Switching Protocols` the bytes are the two sides' own affair (web sockets)."""
    exchange.started = True
    exchange.persistent = False
    exchange.writer.write(answer.encode())
    sides = [
        asyncio.ensure_future(_pour(exchange.reader, writer)),
        asyncio.ensure_future(_pour(reader, exchange.writer)),
    ]
    await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
    for side in sides:
        side.cancel()


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await source.read(64 * 1024):
            sink.write(piece)
            await sink.drain()
