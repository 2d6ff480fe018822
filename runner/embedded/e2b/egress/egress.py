"""The way out of a box: each connection to its proxy port is handed to the edge, which looks, resolves and dials.

A box has no network but its own loopback. What a program in it wants of the outside it asks of `127.0.0.1:3128`, an
HTTP proxy (CONNECT and absolute form) that speaks SOCKS5 on the same port. So the edge sees every destination by name
and address; names are resolved here and nowhere else, and the very address that was looked at is dialled, which leaves
nothing to a resolver that answers differently the second time. Addresses of this machine and of private networks are
refused, whatever a box's rules say, unless the endpoint was told to allow them.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from runner.embedded.e2b.box.http1 import BUFFER, Exchange, Head, Inlet, ProtocolError, close, serve
from runner.embedded.e2b.egress import socks
from runner.embedded.e2b.egress.interception import Interceptor
from runner.embedded.e2b.egress.outside import Refusal, Resolve, Way, join, resolve
from runner.embedded.e2b.front import proxy
from runner.embedded.e2b.front.peeking import first_byte
from runner.embedded.e2b.network.network import Network
from runner.embedded.e2b.network.outward import Traffic

#: Where it listens in every box.
PORT = 3128
#: Connections of one box at a time.
LIMIT = 256
_FIRST_SECONDS = 60.0
#: What goes round the proxy: the box itself.
_HERE = "localhost,127.0.0.1,::1"


class Egress:
    """The way out of all boxes of an edge."""

    def __init__(
        self, private: bool = False, resolver: Resolve = resolve, interceptor: Interceptor | None = None
    ) -> None:
        """`private`: addresses of this machine and of private networks may be reached, too. `interceptor` opens what
        goes to hosts that a box's rules name; without one, rules have no effect.
        """
        self._private = private
        self._interceptor = interceptor
        self._resolve = resolver
        self._ways: dict[asyncio.Task[None], Way] = {}
        self.port = PORT

    def environment(self, network: Network) -> dict[str, str]:
        """What tells programs in a box of the proxy; each looks for another spelling. And whom to trust, if it opens
        what they send.
        """
        url = f"http://127.0.0.1:{PORT}"
        names = {"HTTP_PROXY": url, "HTTPS_PROXY": url, "ALL_PROXY": url, "NO_PROXY": _HERE}
        opened = self._interceptor is not None and network.transforms.by_host
        trust = self._interceptor.environment() if self._interceptor is not None and opened else {}
        return {**names, **{name.lower(): value for name, value in names.items()}, **trust}

    def take(self, plug: socket.socket, network: Callable[[], Network], traffic: Traffic) -> None:
        """Serve a connection that a box has made to its proxy port; `network` tells its rules of now."""
        if plug.family != socket.AF_INET or plug.type != socket.SOCK_STREAM or traffic.open >= LIMIT:
            traffic.refused += 1
            plug.close()
            return
        way = Way(network, traffic, self._private, self._resolve)
        task = asyncio.get_running_loop().create_task(_serve(plug, way, traffic, self._interceptor))
        self._ways[task] = way
        task.add_done_callback(self._ways.pop)

    def recheck(self, traffic: Traffic) -> None:
        """Break the connections of a box (whose traffic this is) that its rules of now do not allow."""
        for task, way in self._ways.items():
            if way.traffic is traffic and not way.allowed():
                task.cancel()

    def end(self, traffic: Traffic) -> None:
        """Break all connections of a box."""
        for task, way in self._ways.items():
            if way.traffic is traffic:
                task.cancel()

    async def close(self) -> None:
        """End all connections."""
        tasks = list(self._ways)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _serve(plug: socket.socket, way: Way, traffic: Traffic, interceptor: Interceptor | None) -> None:
    traffic.open += 1
    writer = None
    try:
        plug.setblocking(False)
        first = await first_byte(plug, _FIRST_SECONDS)
        reader, writer = await _streams(plug)
        if first == socks.VERSION:
            await socks.serve(reader, writer, way)
        else:
            await serve(reader, writer, lambda exchange: _answer(exchange, way, interceptor))
    except (OSError, EOFError):
        pass  # the box's program has gone, or never said what it wants
    finally:
        traffic.open -= 1
        if writer is None:
            plug.close()
        else:
            await close(writer)


async def _streams(plug: socket.socket) -> tuple[Inlet, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = Inlet()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, plug)
    assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - a stream socket has no other
    transport.set_write_buffer_limits(BUFFER)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _answer(exchange: Exchange, way: Way, interceptor: Interceptor | None) -> None:
    """Answer one request of an HTTP client."""
    try:
        connects = exchange.head.method == "CONNECT"
        await (_connect(exchange, way, interceptor) if connects else _fetch(exchange, way))
    except Refusal as error:
        exchange.persistent = False
        # Many clients show the first line only: it holds the sentence, too.
        raw = (error.message + "\n").encode()
        fields = [("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(raw)))]
        reason = "".join(sign if " " <= sign <= "~" else "?" for sign in error.message)
        await exchange.begin(Head("HTTP/1.1", str(error.status), reason, fields), raw, chunked=False)


async def _connect(exchange: Exchange, way: Way, interceptor: Interceptor | None) -> None:
    host, port, _ = _destination(f"//{exchange.head.target}", None)
    headers = way.headers(host)
    if headers and interceptor is not None:
        await interceptor.tunnel(exchange, way, (host, port), headers)
        return
    outer = await way.dial(host, port)
    exchange.started, exchange.persistent = True, False
    exchange.writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await join((exchange.reader, exchange.writer), outer)


async def _fetch(exchange: Exchange, way: Way) -> None:
    """Pass one request on, on a connection of its own: what goes to one host is never answered by another."""
    if not exchange.head.target.lower().startswith("http://"):
        raise Refusal(400, "this is a proxy: ask it with CONNECT, or for http://HOST/PATH")
    host, port, authority = _destination(exchange.head.target, 80)
    rest = exchange.head.target[len("http://") :]
    start = next((place for place, sign in enumerate(rest) if sign in "/?"), len(rest))
    target = rest[start:] if rest[start : start + 1] == "/" else "/" + rest[start:]
    reader, writer = await way.dial(host, port)
    try:
        await proxy.exchanged(exchange, reader, writer, proxy.Onward(target, authority, proxy.PROXY_FIELDS))
    except (ProtocolError, ConnectionError) as error:
        if exchange.started:
            exchange.abort()
            return
        raise Refusal(502, f"{host}:{port} broke off the connection") from error
    finally:
        await close(writer)


def _destination(url: str, default: int | None) -> tuple[str, int, str]:
    """Host, port, and both as a Host field has them, without what stands before an @. Raises Refusal."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or default
    except ValueError:
        host, port = "", None
    if not host or port is None:
        raise Refusal(400, "this proxy needs HOST:PORT")
    return host, port, parts.netloc.rpartition("@")[2]
