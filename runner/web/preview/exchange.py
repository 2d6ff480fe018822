"""One request and its answer, streamed both ways, and ended when either side goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import httpx
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from runner.records import dataclass
from runner.web.preview.gate import without_secrets
from runner.web.preview.headers import Route, to_box, to_browser

#: Seconds in which a box must take a connection. How long its answer takes is its own affair.
CONNECT = 15.0

#: Called with the status of a box's answer, None when it gave none; raises for an answer that nobody is to see.
Check = Callable[[int | None], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where the host reaches a port of a box."""

    url: httpx.URL

    @property
    def by_path(self) -> bool:
        """Whether the provider tells boxes apart by the path: then the server may know the name that browsers use."""
        return self.url.path.strip("/") != ""

    def request(
        self, scope: Scope, fields: list[tuple[bytes, bytes]], body: AsyncIterator[bytes] | None
    ) -> httpx.Request:
        """The request that goes on to it."""
        query = scope["query_string"]
        # The target goes over the wire as it came: nothing is decoded, and no dots are followed.
        target = self.url.raw_path.rstrip(b"/") + scope["raw_path"] + (b"?" + query if query else b"")
        extensions: dict[str, object] = {"target": target}
        url = self.url
        if url.host.endswith(".localhost"):  # browsers know that this is their own machine, Python's resolver does not
            extensions["sni_hostname"] = url.host
            url = url.copy_with(host="127.0.0.1")
        return httpx.Request(scope["method"], url, headers=fields, content=body, extensions=extensions)


class Exchange:
    """A request that a client made (ASGI), to be answered by a box."""

    def __init__(self, client: httpx.AsyncClient, scope: Scope, receive: Receive, send: Send) -> None:
        self._client = client
        self._scope = scope
        self._receive = receive
        self._send = send
        headers = Headers(scope=scope)
        self._host = headers.get("host", "")
        self._has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        self._read = asyncio.Event()
        self._gone = asyncio.Event()

    async def run(self, upstream: Upstream, check: Check) -> None:
        """Pass the request on, and the answer back.

        Raises what `check` raises, before anything was answered; httpx.TransportError when the box breaks off in the
        middle of its answer: then the client's connection must break, too, for it is not a whole answer.
        """
        if not self._has_body:
            self._read.set()
        work = asyncio.ensure_future(self._exchanged(upstream, check))
        leaving = asyncio.ensure_future(self._left())
        try:
            # A stream may never end by itself: it ends when nobody wants it any more.
            await asyncio.wait({work, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            work.cancel()
            leaving.cancel()
            await asyncio.gather(work, leaving, return_exceptions=True)

    async def _exchanged(self, upstream: Upstream, check: Check) -> None:
        route = self._route(upstream)
        fields = to_box(without_secrets(self._scope["headers"]), route)
        body = self._body() if self._has_body else None
        try:
            answer = await self._client.send(upstream.request(self._scope, fields, body), stream=True)
        except httpx.TransportError:
            if not self._gone.is_set():
                await check(None)
            return
        async with aclosing(answer):
            await check(answer.status_code)
            fields = to_browser(answer.headers.raw, route)
            await self._send({"type": "http.response.start", "status": answer.status_code, "headers": fields})
            async for piece in answer.aiter_raw():
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

    def _route(self, upstream: Upstream) -> Route:
        name = self._host if upstream.by_path else upstream.url.netloc.decode("ascii")
        client = self._scope.get("client") or ("",)
        return Route(self._host, name, upstream.url.scheme, client[0])

    async def _body(self) -> AsyncIterator[bytes]:
        """The request's body. Raises httpx.WriteError when its sender goes in the middle."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._gone.set()
                raise httpx.WriteError("the client has gone")
            more = message.get("more_body", False)
            yield message.get("body", b"")
        self._read.set()

    async def _left(self) -> None:
        """Return when the client has gone; its body is read first, and not by us."""
        await self._read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone.set()
