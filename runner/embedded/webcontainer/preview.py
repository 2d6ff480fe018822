"""Ports in a container for browsers and other programs: HTTP/1.1 over a connection of the tunnel, streamed both ways.

Requests and answers go through as they are, except for what belongs to one connection only (RFC 9110, 7.6.1), for the
headers by which an isolated page may embed the answer, and for the scripts that the client puts into documents.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress

import h11
from starlette.types import Receive, Scope, Send

from runner.embedded.webcontainer.container import Container
from runner.embedded.webcontainer.front import refuse
from runner.embedded.webcontainer.page_script import Insertion
from runner.embedded.webcontainer.tunnel import PortClosed, Stream, StreamBroken, Tunnel

Fields = Sequence[tuple[bytes, bytes]]

_OF_ONE_CONNECTION = {
    b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"expect",
}  # fmt: skip
_NEEDED = {b"content-length", b"host"}  # without them a message ends elsewhere, or is another one
_DOCUMENTS = (b"document", b"iframe", b"frame")
_EMBEDDED = (b"iframe", b"frame", b"object", b"embed", b"worker")
_CONDITIONS = {b"accept-encoding", b"if-none-match", b"if-modified-since", b"range", b"if-range"}
#: What tells of a body as the server has sent it, no longer of one into which something was put.
_OF_THE_BODY = {b"content-length", b"etag", b"last-modified", b"cache-control", b"expires", b"accept-ranges"}
_MOST_HEADER_BYTES = 256 * 1024


async def preview(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request for a port in a container, which the front has put into the scope's state."""
    container: Container = scope["state"]["container"]
    port: int = scope["state"]["port"]
    if scope["type"] == "websocket":
        text = f"the server on port {port} cannot be reached by WebSocket: a preview carries HTTP only"
        await refuse(scope, send, 501, "No WebSocket here", text)
        return
    try:
        tunnel, stream = await _connect(container, port)
    except PortClosed:
        await refuse(scope, send, 502, "Nobody listens", f"no server listens on port {port} in this container")
        return
    except StreamBroken as error:
        await refuse(scope, send, 502, "The container cannot be reached", str(error))
        return
    exchange = _Exchange(scope, stream)
    try:
        if _asked_as(scope, b"iframe"):
            await container.shows(tunnel, port)
        await exchange.run(receive, send)
    finally:
        await (tunnel.finish(stream) if exchange.whole else tunnel.release(stream))


async def _connect(container: Container, port: int) -> tuple[Tunnel, Stream]:
    """A connection to the port, in the newest document of the engine that listens there."""
    tried: Exception = StreamBroken("its engine has not started yet")
    for tunnel in reversed(container.tunnels):
        try:
            return tunnel, await tunnel.open(port)
        except (PortClosed, StreamBroken) as error:
            tried = error
    raise tried


class _Exchange:
    """One request and its answer; `whole` when that has come to its end."""

    def __init__(self, scope: Scope, stream: Stream) -> None:
        self._scope, self._stream = scope, stream
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_HEADER_BYTES)
        self._container: Container = scope["state"]["container"]
        # Documents only: what other programs, and pages themselves, ask for is not changed.
        self._elements = self._container.scripts.head if _asked_as(scope, *_DOCUMENTS) else b""
        self._insertion: Insertion | None = None
        self._started = False
        self.whole = False

    async def run(self, receive: Receive, send: Send) -> None:
        asking = asyncio.create_task(self._ask(receive))
        answering = asyncio.create_task(self._answer(send))
        try:
            # Asking is over only when whoever asks is gone, so either ends the exchange.
            done, _ = await asyncio.wait((asking, answering), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task
        except h11.LocalProtocolError as error:
            await self._refuse(send, 400, "Bad request", f"this cannot be sent on: {error}")
        except (StreamBroken, h11.RemoteProtocolError) as error:
            port = self._scope["state"]["port"]
            text = f"the server on port {port} gave no answer that is HTTP: {error}"
            await self._refuse(send, 502, "No answer", text)
        finally:
            for task in (asking, answering):
                task.cancel()
            await asyncio.gather(asking, answering, return_exceptions=True)

    async def _refuse(self, send: Send, status: int, title: str, text: str) -> None:
        """A part of an answer must not pass for the whole: when it has begun, the connection just ends."""
        if not self._started:
            await refuse(self._scope, send, status, title, text)

    async def _ask(self, receive: Receive) -> None:
        """Send the request on; ends when whoever asked has hung up."""
        more = True
        with suppress(StreamBroken):  # the answer tells why
            await self._say(self._request())
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                more = message.get("more_body", False)
                if message.get("body"):
                    await self._say(h11.Data(data=message["body"]))
            await self._say(h11.EndOfMessage())
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _answer(self, send: Send) -> None:
        while True:
            event = self._connection.next_event()
            if event is h11.NEED_DATA:
                self._connection.receive_data(await self._stream.receive())
            elif isinstance(event, h11.Response):
                await self._start(event, send)
            elif isinstance(event, h11.Data):
                data = bytes(event.data)
                data = self._insertion.feed(data) if self._insertion else data
                await send({"type": "http.response.body", "body": data, "more_body": True})
            elif isinstance(event, h11.EndOfMessage):
                data = self._insertion.end() if self._insertion else b""
                await send({"type": "http.response.body", "body": data, "more_body": False})
                self.whole = True
                return
            elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                raise StreamBroken("it hung up")

    async def _start(self, answer: h11.Response, send: Send) -> None:
        fields = self._fields(answer)
        if any(name.lower() == b"set-cookie" for name, _ in fields):
            # Before the browser has them: from here on no service worker may answer, which would not see them.
            await self._container.sets_cookies(self._scope["state"]["port"])
        if self._elements and self._scope["method"] != "HEAD" and _is_plain_html(fields):
            self._insertion = Insertion(self._elements)
            fields = [each for each in fields if each[0].lower() not in _OF_THE_BODY]
            fields.append((b"cache-control", b"no-store"))
        self._started = True
        await send({"type": "http.response.start", "status": answer.status_code, "headers": fields})

    async def _say(self, event: h11.Event) -> None:
        data = self._connection.send(event)
        if data:
            await self._stream.send(data)

    def _request(self) -> h11.Request:
        asked: Fields = self._scope["headers"]
        fields = _end_to_end(asked)
        if self._elements:  # it must come whole, and readable
            fields = [each for each in fields if each[0] not in _CONDITIONS]
        if any(name == b"transfer-encoding" for name, _ in asked):
            fields.append((b"transfer-encoding", b"chunked"))
        query = self._scope["query_string"]
        target = self._scope["raw_path"] + (b"?" + query if query else b"")
        return h11.Request(method=self._scope["method"], target=target, headers=[*fields, (b"connection", b"close")])

    def _fields(self, answer: h11.Response) -> list[tuple[bytes, bytes]]:
        fields = _end_to_end(answer.headers.raw_items())
        there = {name.lower() for name, _ in fields}
        more = [(b"cross-origin-resource-policy", b"cross-origin"), (b"origin-agent-cluster", b"?1")]
        if _asked_as(self._scope, *_EMBEDDED):
            # An isolated page shows no frames and starts no workers that are not isolated themselves; this is the
            # mildest way to be.
            more.append((b"cross-origin-embedder-policy", b"credentialless"))
        return fields + [each for each in more if each[0] not in there]


def _asked_as(scope: Scope, *destinations: bytes) -> bool:
    """Whether a browser asks for one of these (Fetch Metadata): other programs do not say."""
    return any(name == b"sec-fetch-dest" and value in destinations for name, value in scope["headers"])


def _is_plain_html(fields: Fields) -> bool:
    values = {name.lower(): value.lower() for name, value in fields}
    encoded = values.get(b"content-encoding", b"identity") != b"identity"
    kind, _, parameters = values.get(b"content-type", b"").partition(b";")
    return kind.strip() == b"text/html" and not encoded and b"utf-16" not in parameters


def _end_to_end(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers without those that are for one connection, also those that `Connection` names."""
    fields = list(fields)
    named = b",".join(value for name, value in fields if name.lower() == b"connection").lower()
    drop = _OF_ONE_CONNECTION | ({each.strip() for each in named.split(b",")} - _NEEDED)
    if any(name.lower() == b"transfer-encoding" for name, _ in fields):
        drop |= {b"content-length"}  # it does not count then (RFC 9112, 6.3), and two must not disagree about it
    return [(name, value) for name, value in fields if name.lower() not in drop]
