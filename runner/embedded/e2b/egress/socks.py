"""SOCKS version 5, server side: CONNECT without authentication (RFC 1928)."""

from __future__ import annotations

import asyncio
import ipaddress

from runner.embedded.e2b.egress.outside import Refusal, Way, join

#: The first byte of every SOCKS5 client.
VERSION = b"\x05"
_SECONDS = 30.0
_NO_METHOD = 0xFF
_BAD_COMMAND, _BAD_TYPE = 7, 8
#: The reply to a refusal, by HTTP status: not allowed, unreachable, timed out.
_REPLIES = {403: 2, 502: 4, 504: 6}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way) -> None:
    """Serve one connection. Raises EOFError, TimeoutError, OSError when the client goes or says nothing."""
    async with asyncio.timeout(_SECONDS):
        destination = await _asked(reader, writer)
    if destination is None:
        return
    try:
        outer_reader, outer_writer = await way.dial(*destination)
    except Refusal as error:
        _reply(writer, _REPLIES.get(error.status, 1))
        return
    _reply(writer, 0)
    await join((reader, writer), (outer_reader, outer_writer))


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int] | None:
    """The destination that the client wants; None when it was refused."""
    _, count = await reader.readexactly(2)
    methods = await reader.readexactly(count)
    if 0 not in methods:
        writer.write(VERSION + bytes([_NO_METHOD]))
        return None
    writer.write(VERSION + b"\0")
    _, command, _, kind = await reader.readexactly(4)
    if kind == 1:
        host = str(ipaddress.IPv4Address(await reader.readexactly(4)))
    elif kind == 4:
        host = str(ipaddress.IPv6Address(await reader.readexactly(16)))
    elif kind == 3:
        (length,) = await reader.readexactly(1)
        host = (await reader.readexactly(length)).decode("ascii", "replace")
    else:
        _reply(writer, _BAD_TYPE)
        return None
    port = int.from_bytes(await reader.readexactly(2), "big")
    if command != 1:
        _reply(writer, _BAD_COMMAND)
        return None
    return host, port


def _reply(writer: asyncio.StreamWriter, code: int) -> None:
    writer.write(VERSION + bytes([code, 0, 1]) + bytes(6))
