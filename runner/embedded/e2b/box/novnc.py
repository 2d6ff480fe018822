"""noVNC's server: its files over HTTP, and web sockets that carry the VNC connection (RFC 6455).

It stands in for the `novnc_proxy` that `e2b_desktop` starts: `--vnc HOST:PORT --listen PORT --web FOLDER`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import mimetypes
import posixpath
from contextlib import suppress
from pathlib import Path

from .http1 import Exchange, Head, close, connection

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_BINARY, _CLOSE, _PING, _PONG = 2, 8, 9, 10
_PIECE = 64 * 1024
#: The longest frame that is taken: VNC clients send keys and pointers, and at most a clipboard.
_LONGEST = 16 * 1024 * 1024
_KINDS = {".js": "text/javascript", ".svg": "image/svg+xml", ".css": "text/css", ".html": "text/html"}


class SocketBroken(Exception):
    """The peer does not speak the protocol of web sockets."""


class WebSocket:
    """The server's side of a web socket, after its handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def receive(self) -> bytes:
        """The next data; empty when the peer has closed. Raises SocketBroken, IncompleteReadError."""
        while True:
            kind, data = await self._frame()
            if kind == _CLOSE:
                await self._send(_CLOSE, data[:2])
                return b""
            if kind == _PING:
                await self._send(_PONG, data)
            elif kind != _PONG and data:
                return data

    async def _frame(self) -> tuple[int, bytes]:
        first, second = await self._reader.readexactly(2)
        if not second & 0x80:
            raise SocketBroken("a client's frames must be masked")
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
        if size > _LONGEST:
            raise SocketBroken("the frame is too long")
        mask = await self._reader.readexactly(4)
        return first & 0x0F, _unmasked(await self._reader.readexactly(size), mask)

    async def send(self, data: bytes) -> None:
        """Send data; waits while the peer is slower."""
        await self._send(_BINARY, data)

    async def _send(self, kind: int, data: bytes) -> None:
        size = len(data)
        head = bytes([0x80 | kind])
        if size < 126:
            head += bytes([size])
        elif size < 65536:
            head += b"\x7e" + size.to_bytes(2, "big")
        else:
            head += b"\x7f" + size.to_bytes(8, "big")
        self._writer.write(head + data)
        await self._writer.drain()


def _unmasked(data: bytes, mask: bytes) -> bytes:
    # One operation on long numbers: byte by byte it would cost a thousand times as much.
    if not data:
        return b""
    key = (mask * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")).to_bytes(len(data), "big")


class NoVNC:
    """Answers requests for noVNC's files, and joins web sockets to the VNC server."""

    def __init__(self, web: Path, host: str, port: int) -> None:
        self._web = web
        self._host = host
        self._port = port

    async def answer(self, exchange: Exchange) -> None:
        """Answer one request."""
        await exchange.body.drain()
        if "websocket" in exchange.head.tokens("upgrade"):
            await self._join(exchange)
        elif exchange.head.method in ("GET", "HEAD"):
            await self._file(exchange)
        else:
            await exchange.reply(405)

    async def _file(self, exchange: Exchange) -> None:
        # Normalised with its leading slash, a path cannot lead out of the folder; links in it lead where they shall.
        path = self._web / posixpath.normpath("/" + exchange.head.path).lstrip("/")
        path = path / "vnc.html" if path.is_dir() else path
        try:
            content = await asyncio.to_thread(path.read_bytes)
        except (OSError, ValueError):
            await exchange.reply(404, b"not found\n", {"content-type": "text/plain"})
            return
        kind = _KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        await exchange.reply(200, content, {"content-type": kind, "cache-control": "no-cache"})

    async def _join(self, exchange: Exchange) -> None:
        key = exchange.head.get("sec-websocket-key")
        if not key or exchange.head.get("sec-websocket-version") != "13":
            await exchange.reply(400, b"not a web socket of version 13\n")
            return
        try:
            reader, writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            await exchange.reply(502, b"the VNC server does not answer\n")
            return
        accept = base64.b64encode(hashlib.sha1(key.encode() + _MAGIC, usedforsecurity=False).digest()).decode()
        fields = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)]
        if "binary" in exchange.head.tokens("sec-websocket-protocol"):
            fields.append(("Sec-WebSocket-Protocol", "binary"))
        exchange.started, exchange.persistent = True, False
        exchange.writer.write(Head("HTTP/1.1", "101", "Switching Protocols", fields).encode())
        await _carry(WebSocket(exchange.reader, exchange.writer), reader, writer)


async def _carry(socket: WebSocket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async def inward() -> None:
        while data := await socket.receive():
            writer.write(data)
            await writer.drain()

    async def outward() -> None:
        while data := await reader.read(_PIECE):
            await socket.send(data)

    sides = [asyncio.ensure_future(side()) for side in (inward, outward)]
    await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
    for side in sides:
        side.cancel()
        with suppress(asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError, SocketBroken):
            await side
    await close(writer)


async def _serve(port: int, novnc: NoVNC) -> None:
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: connection(novnc.answer), "127.0.0.1", port)
    async with listening:
        await listening.serve_forever()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="novnc_proxy", description=__doc__)
    parser.add_argument("--vnc", default="localhost:5900", help="HOST:PORT of the VNC server")
    parser.add_argument("--listen", type=int, default=6080, help="port to serve")
    parser.add_argument("--web", type=Path, default=Path("/opt/noVNC"), help="noVNC's folder")
    given = parser.parse_args()
    host, _, port = given.vnc.rpartition(":")
    novnc = NoVNC(given.web, "127.0.0.1" if host in ("", "localhost") else host, int(port))
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(given.listen, novnc))
