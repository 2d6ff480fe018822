"""A destination outside, for one connection of a box: whether it may be reached, its address, the connection to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from runner.embedded.e2b.box.http1 import BUFFER, Inlet, close
from runner.embedded.e2b.network.addresses import Address, address_of, internal
from runner.embedded.e2b.network.network import Network, plain
from runner.embedded.e2b.network.outward import Traffic
from runner.embedded.e2b.network.upstream import Upstream, UpstreamRefused, pass_through

_DIAL_SECONDS = 20.0
#: How long one direction of a tunnel goes on when the other has ended.
_HALF_SECONDS = 600.0
_RESOLVE_SECONDS = 10.0
#: Threads of its own: a resolver that does not answer must not hold up what else is done in threads.
_RESOLVING = ThreadPoolExecutor(16, "resolve")
Resolve = Callable[[str, int], Awaitable[list[Address]]]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Refusal(Exception):
    """A destination that is not reached: the HTTP status and the sentence for whoever asked."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


async def resolve(name: str, port: int) -> list[Address]:
    """The addresses of a host. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_RESOLVING, partial(socket.getaddrinfo, name, port, type=socket.SOCK_STREAM))
    addresses = [address_of(str(each[4][0]).partition("%")[0]) for each in found]
    return [address for address in addresses if address is not None]


class Way:
    """The way to any destination, under the rules that a box has now."""

    def __init__(self, network: Callable[[], Network], traffic: Traffic, private: bool, resolver: Resolve) -> None:
        self._network = network
        self.traffic = traffic
        #: What was dialled last: the name that was asked for, empty for none; the address; the port.
        self._dialled: tuple[str, Address, int] | None = None
        self._private = private
        self._resolve = resolver

    def headers(self, host: str) -> Mapping[str, str] | None:
        """What to set in HTTPS requests to a host; None to leave them unopened."""
        return self._network().transforms.headers(host)

    async def dial(self, host: str, port: int) -> Streams:
        """A connection to a destination. Raises Refusal."""
        upstream = self._network().upstream
        try:
            async with asyncio.timeout(_DIAL_SECONDS):
                addresses = await self._choose(host, port)
                if upstream is not None:
                    streams = await self._ask(upstream, host, addresses[0], port)
                else:
                    streams = await self._first(host, addresses, port)
        except TimeoutError as error:
            raise Refusal(504, f"{host}:{port} did not answer within {_DIAL_SECONDS:g} s") from error
        return streams

    async def _first(self, host: str, addresses: Sequence[Address], port: int) -> Streams:
        """A connection to the first address that answers."""
        reason = ""
        for address in addresses:
            try:
                streams = await self._open(host, address, port)
            except OSError as error:
                reason = reason or error.strerror or str(error)
                continue
            self._dialled = ("" if address_of(host) else host, address, port)
            return streams
        raise Refusal(502, f"{host}:{port} cannot be reached: {reason}")

    async def _ask(self, upstream: Upstream, host: str, address: Address, port: int) -> Streams:
        """A connection by way of the client's own proxy, which looks up names that the rules have."""
        literal = address_of(upstream.host)
        found = await self._found(upstream.host, upstream.port) if literal is None else [literal]
        outside = [each for each in found if not self._internal(each)]
        if not outside:
            raise self._refused(host, port, "its egress proxy is not on the public internet")
        reason = ""
        for each in outside:
            try:
                streams = await self._open(upstream.host, each, upstream.port, upstream)
            except OSError as error:
                reason = reason or error.strerror or str(error)
                continue
            wanted = host if address_of(host) is None and self._network().names(host, port) else str(address)
            try:
                await pass_through(upstream, *streams, wanted, port)
            except (UpstreamRefused, OSError, EOFError) as error:
                streams[1].close()
                raise Refusal(502, f"the egress proxy does not lead to {host}:{port}: {error}") from error
            self._dialled = ("" if address_of(host) else host, address, port)
            return streams
        raise Refusal(502, f"the egress proxy of this box cannot be reached: {reason}")

    def allowed(self) -> bool:
        """Whether the destination that was dialled may still be reached."""
        return self._dialled is None or not self._network().why_not(*self._dialled)

    async def _open(self, host: str, address: Address, port: int, upstream: Upstream | None = None) -> Streams:
        reader = _Metered(self.traffic)
        protocol = asyncio.StreamReaderProtocol(reader)
        loop = asyncio.get_running_loop()
        context = None if upstream is None else upstream.context
        name = None if upstream is None or context is None else upstream.server_name
        transport, _ = await loop.create_connection(
            lambda: protocol, str(address), port, ssl=context, server_hostname=name
        )
        ours, theirs = (transport.get_extra_info(name)[0] for name in ("sockname", "peername"))
        if ours == theirs and not self._private:
            transport.abort()
            raise self._refused(host, port, "it is an address of this machine")
        transport.set_write_buffer_limits(BUFFER)
        return reader, _MeteredWriter(transport, protocol, reader, self.traffic)

    async def _choose(self, host: str, port: int) -> list[Address]:
        """The addresses to dial, one after the other: the very ones that were looked at, at least one."""
        network = self._network()
        literal = address_of(host)
        if literal is None and not network.may_resolve(host, port):
            raise self._refused(host, port, "allow_out does not name it, and all else is denied")
        found = await self._found(host, port) if literal is None else [literal]
        reasons = [network.why_not("" if literal else host, each, port) or self._internal(each) for each in found]
        allowed = [address for address, why in zip(found, reasons, strict=True) if not why]
        if not allowed:
            raise self._refused(host, port, reasons[-1] if reasons else "it has no address")
        return allowed

    async def _found(self, host: str, port: int) -> list[Address]:
        try:
            async with asyncio.timeout(_RESOLVE_SECONDS):
                return await self._resolve(plain(host), port)
        except (OSError, UnicodeError) as error:
            raise Refusal(502, f"the host {host} cannot be found") from error

    def _internal(self, address: Address) -> str:
        if self._private or not internal(address):
            return ""
        return f"{address} is an address of this machine or of a private network"

    def _refused(self, host: str, port: int, why: str) -> Refusal:
        self.traffic.refused += 1
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
        other[1].close()  # before anything is awaited: we may be cancelled again
        await asyncio.gather(*sides, return_exceptions=True)
        await close(other[1])


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Raises ConnectionError."""
    while piece := await source.read(64 * 1024):
        sink.write(piece)
        await sink.drain()
    if sink.can_write_eof():  # TLS has no half end
        with suppress(OSError):
            sink.write_eof()
