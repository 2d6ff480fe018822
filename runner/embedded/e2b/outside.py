"""A destination outside, for one connection of a box: whether it may be reached, its address, the connection to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from runner.embedded.e2b.box.http1 import BUFFER, Inlet, close
from runner.embedded.e2b.network import Address, Network, address_of, internal, plain

_DIAL_SECONDS = 20.0
#: How long one direction of a tunnel goes on when the other has ended.
_HALF_SECONDS = 600.0
Resolve = Callable[[str, int], Awaitable[list[Address]]]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(slots=True)
class Traffic:
    """What one box has sent and received (bytes), how many connections it has open, and how many were refused."""

    sent: int = 0
    received: int = 0
    open: int = 0
    refused: int = 0


class Refusal(Exception):
    """A destination that is not reached: the HTTP status and the sentence for whoever asked."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


async def resolve(name: str, port: int) -> list[Address]:
    """The addresses of a host. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    addresses = [address_of(str(each[4][0]).partition("%")[0]) for each in found]
    return [address for address in addresses if address is not None]


class Way:
    """The way to any destination, under the rules that a box has now."""

    def __init__(self, network: Callable[[], Network], traffic: Traffic, private: bool, resolver: Resolve) -> None:
        self._network = network
        self._traffic = traffic
        self._private = private
        self._resolve = resolver

    async def dial(self, host: str, port: int) -> Streams:
        """A connection to a destination. Raises Refusal."""
        address = await self._choose(host, port)
        loop = asyncio.get_running_loop()
        reader = _Metered(self._traffic)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            async with asyncio.timeout(_DIAL_SECONDS):
                transport, _ = await loop.create_connection(lambda: protocol, str(address), port)
        except TimeoutError as error:
            raise Refusal(504, f"{host}:{port} did not answer within {_DIAL_SECONDS:g} s") from error
        except OSError as error:
            raise Refusal(502, f"{host}:{port} cannot be reached: {error.strerror or error}") from error
        ours, theirs = (transport.get_extra_info(name)[0] for name in ("sockname", "peername"))
        if ours == theirs and not self._private:
            transport.abort()
            raise self._refused(host, port, "it is an address of this machine")
        transport.set_write_buffer_limits(BUFFER)
        return reader, _MeteredWriter(transport, protocol, reader, self._traffic)

    async def _choose(self, host: str, port: int) -> Address:
        """The address to dial: the very one that was looked at."""
        network = self._network()
        literal = address_of(host)
        if literal is not None:
            why = network.why_not("", literal, port) or self._internal(literal)
            if why:
                raise self._refused(host, port, why)
            return literal
        if not network.may_resolve(host, port):
            raise self._refused(host, port, "allow_out does not name it, and all else is denied")
        try:
            found = await self._resolve(plain(host), port)
        except (OSError, UnicodeError) as error:
            raise Refusal(502, f"the host {host} cannot be found") from error
        why = "it has no address"
        for address in found:
            why = network.why_not(host, address, port) or self._internal(address)
            if not why:
                return address
        raise self._refused(host, port, why)

    def _internal(self, address: Address) -> str:
        if self._private or not internal(address):
            return ""
        return f"{address} is an address of this machine or of a private network"

    def _refused(self, host: str, port: int, why: str) -> Refusal:
        self._traffic.refused += 1
        return Refusal(403, f"this box may not reach {host}:{port}: {why}")


class _Metered(Inlet):
    """A reader that counts."""

    def __init__(self, traffic: Traffic) -> None:
        super().__init__()
        self._traffic = traffic

    def feed_data(self, data: Any) -> None:
        """Count what comes in."""
        self._traffic.received += len(data)
        super().feed_data(data)


class _MeteredWriter(asyncio.StreamWriter):
    """A writer that counts."""

    def __init__(
        self,
        transport: asyncio.WriteTransport,
        protocol: asyncio.StreamReaderProtocol,
        reader: asyncio.StreamReader,
        traffic: Traffic,
    ) -> None:
        super().__init__(transport, protocol, reader, asyncio.get_running_loop())
        self._traffic = traffic

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Count what goes out."""
        self._traffic.sent += len(data)
        super().write(data)


async def join(one: Streams, other: Streams) -> None:
    """Pass bytes on in both directions until both have ended, or one breaks."""
    sides = {asyncio.ensure_future(_pour(one[0], other[1])), asyncio.ensure_future(_pour(other[0], one[1]))}
    try:
        done, rest = await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
        if rest and all(side.exception() is None for side in done):
            await asyncio.wait(rest, timeout=_HALF_SECONDS)
    finally:
        for side in sides:
            side.cancel()
        await asyncio.gather(*sides, return_exceptions=True)
        await close(other[1])


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Raises ConnectionError."""
    while piece := await source.read(64 * 1024):
        sink.write(piece)
        await sink.drain()
    with suppress(OSError):
        sink.write_eof()
