"""How a fault strikes a request at the edge: which places the request belongs to, and what then happens to it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress

from runner.embedded.e2b.box.http1 import Exchange, Head
from runner.embedded.e2b.boxes.box import ENVD_PORT, Box
from runner.embedded.e2b.front.faults import Faults, Rule
from runner.records import dataclass

Work = Callable[[], Awaitable[None]]


@dataclass(eq=False, slots=True)
class _Request:
    exchange: Exchange
    places: frozenset[str]
    box: Box | None


class Striker:
    """Serves requests under the faults that hold now."""

    def __init__(self, faults: Faults, kill: Callable[[Box], None]) -> None:
        self._faults = faults
        self._kill = kill
        self._under_way: set[_Request] = set()
        self._timers: list[asyncio.TimerHandle] = []

    def replace(self, rules: tuple[Rule, ...]) -> None:
        """Other rules from now on; those that strike what is under way do so when they begin."""
        for timer in self._timers:
            timer.cancel()
        self._faults.replace(rules)
        loop = asyncio.get_running_loop()
        self._timers = [loop.call_later(rule.after, self._sweep, rule) for rule in rules if rule.at_once]

    def _sweep(self, rule: Rule) -> None:
        for request in list(self._under_way):
            if rule.place in request.places:
                self._break(rule, request)

    async def serve(self, exchange: Exchange, places: frozenset[str], box: Box | None, work: Work) -> None:
        """Do a request's work, unless a fault comes in between."""
        rule = self._faults.strike(places)
        request = _Request(exchange, places, box)
        self._under_way.add(request)
        try:
            if rule is None:
                await work()
            elif rule.status:
                await _refuse(exchange, rule, box)
            else:
                await self._harm(request, rule, work)
        finally:
            self._under_way.discard(request)

    async def _harm(self, request: _Request, rule: Rule, work: Work) -> None:
        if rule.effect == "delay":
            await asyncio.sleep(rule.seconds)
            await work()
        elif rule.effect == "cut":
            transport = request.exchange.writer.transport
            protocol = transport.get_protocol()
            assert isinstance(protocol, asyncio.StreamReaderProtocol)  # noqa: S101 - the edge makes no others
            request.exchange.writer = _Cutting(transport, protocol, request.exchange, rule.bytes)
            await work()
        elif not rule.seconds:
            self._break(rule, request)
            if rule.effect == "kill":
                await work()
        else:
            timer = asyncio.get_running_loop().call_later(rule.seconds, self._break, rule, request)
            try:
                await work()
            finally:
                timer.cancel()

    def _break(self, rule: Rule, request: _Request) -> None:
        if rule.effect == "drop":
            reset(request.exchange)
        elif request.box is not None:
            self._kill(request.box)


class _Cutting(asyncio.StreamWriter):
    """A writer whose connection breaks after so many bytes."""

    def __init__(
        self, transport: asyncio.WriteTransport, protocol: asyncio.StreamReaderProtocol, exchange: Exchange, left: int
    ) -> None:
        super().__init__(transport, protocol, exchange.reader, asyncio.get_running_loop())
        self._exchange = exchange
        self._left = left

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write what may still go out; then break the connection once that has left us."""
        if self._left < 0:
            return
        super().write(bytes(data)[: self._left])
        self._left -= len(data)
        if self._left <= 0:
            self._left = -1
            self._exchange.persistent = False
            # No reset: it would take back what the client has not read yet.
            self.transport.close()


def reset(exchange: Exchange) -> None:
    """Break a connection as a machine does that has gone: with a reset instead of an end."""
    plug = exchange.writer.get_extra_info("socket")
    with suppress(OSError):
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.abort()


async def _refuse(exchange: Exchange, rule: Rule, box: Box | None) -> None:
    await exchange.body.drain()
    fields = {} if rule.retry_after is None else {"retry-after": str(rule.retry_after)}
    message = rule.said
    if box is not None and rule.status == 502 and not rule.message:
        message = f"The sandbox {box.id} was not found"
    about = {} if box is None else {"sandboxId": box.id}
    await exchange.json(rule.status, {**about, "code": rule.status, "message": message}, fields)


def places_of(head: Head, port: int | None) -> frozenset[str]:
    """The places that a request belongs to, of faults.PLACES; `port` of a box, None for the control plane."""
    if port is not None:
        return frozenset({"any", "box", _in_box(head.path, port)})
    return frozenset({"any", "api", _in_control(head)})


def _in_box(path: str, port: int) -> str:
    if port != ENVD_PORT:
        return "port"
    if path.startswith("/process."):
        return "command"
    return "files" if path.startswith(("/files", "/filesystem.")) else "box"


def _in_control(head: Head) -> str:
    words = [word for word in head.path.split("/") if word and word not in ("v2", "v3")]
    if not words or words[0] != "sandboxes":
        return "template" if words[:1] == ["templates"] else "api"
    method, last = head.method, words[-1]
    if method == "POST" and len(words) == 1:
        return "create"
    if method == "DELETE":
        return "kill"
    named = {"connect": "connect", "resume": "connect", "timeout": "timeout", "refreshes": "timeout"}
    return named.get(last, "info" if method == "GET" else "api")
