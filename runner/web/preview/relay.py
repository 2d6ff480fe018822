"""The relay: what a request's name means, whether it may pass, and whom it goes to."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Protocol

import httpx
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from runner.errors import BoxError
from runner.run.live import LiveBox
from runner.web.preview.address import Names, Preview
from runner.web.preview.exchange import CONNECT, Exchange, Upstream
from runner.web.preview.finder import Finder, NotThere, closed, listens
from runner.web.preview.gate import Gate
from runner.web.preview.pages import page

_BAD_GATEWAY = 502
_NO_SOCKETS = (
    "A preview relays requests and answers, not web sockets. What the page shows without them works; "
    "a dev server's live reload does not: load the page again instead."
)
_HERE = ("all://127.0.0.1", "all://localhost", "all://[::1]")
_FRONT = "Previews are at http://<port>--<run>.localhost, at this port."


class Shown(Protocol):
    """What a relay shows, and who hears of it."""

    @property
    def finder(self) -> Finder: ...
    def addresses(self) -> list[str]:
        """What there is to see now."""
        ...

    def announce(self, live: LiveBox, port: int) -> None:
        """A port of a box has answered."""
        ...


class Relay:
    """The application that previews are served by."""

    def __init__(self, names: Names, gate: Gate, shown: Shown) -> None:
        self._names = names
        self._gate = gate
        self._shown = shown
        self._upstreams: dict[tuple[str, int], Upstream] = {}
        # No cookie of one box may ever be sent along by the relay itself.
        jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        # Boxes may be beyond this machine's proxy, but what is on this machine is not.
        direct = dict.fromkeys(_HERE)
        time = httpx.Timeout(None, connect=CONNECT)
        self._client = httpx.AsyncClient(timeout=time, limits=limits, cookies=jar, mounts=direct)

    async def close(self) -> None:
        """Release the connections to boxes."""
        await self._client.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        connection = HTTPConnection(scope)
        preview = self._names.read(connection.headers.get("host", ""))
        answer = self._gate.answer(connection, preview) or self._own(connection, preview)
        if answer is None and preview is not None:
            exchange = Exchange(self._client, scope, receive, send)
            try:
                await self._relayed(exchange, preview)
            except NotThere as nothing:
                answer = page(connection, nothing.status, nothing.title, nothing.text)
        if answer is not None:
            await answer(scope, receive, send)

    def _own(self, connection: HTTPConnection, preview: Preview | None) -> Response | None:
        """What the relay answers itself; None for what a box is to answer."""
        if connection.scope["type"] == "websocket" or "websocket" in connection.headers.get("upgrade", "").lower():
            return page(connection, 501, "Web sockets are not relayed", _NO_SOCKETS)
        if preview is not None:
            return None
        if not self._names.own(connection.headers.get("host", "")):
            text = "The name is not one of a preview: http://<port>--<run>.localhost, at this port."
            return page(connection, 421, "Nothing of that name is here", text)
        links = self._shown.addresses()
        text = f"{_FRONT} These have been seen:" if links else f"{_FRONT} No server in a box has been seen yet."
        return page(connection, 200, "Live previews", text, links)

    async def _relayed(self, exchange: Exchange, preview: Preview) -> None:
        """Raises NotThere before anything was answered."""
        live = await self._shown.finder.find(preview)
        upstream = await self._upstream(live, preview.port)

        async def check(status: int | None) -> None:
            """Tell a closed port from a server that cannot serve: providers say both in the same way."""
            if status not in (None, _BAD_GATEWAY):
                self._shown.announce(live, preview.port)
                return
            self._shown.finder.forget(preview)
            self._upstreams.pop((live.box.id, preview.port), None)
            if await listens(live, preview.port) is False:
                raise closed(preview, [live])
            if status is None:
                about = f"The box {live.box.id} of {live.box.provider}, or the server on its port {preview.port},"
                raise NotThere(_BAD_GATEWAY, "The box does not answer", f"{about} broke the connection off.")

        await exchange.run(upstream, check)

    async def _upstream(self, live: LiveBox, port: int) -> Upstream:
        """Where a port of a box is; its provider is asked once. Raises NotThere."""
        key = live.box.id, port
        if key not in self._upstreams:
            try:
                self._upstreams[key] = Upstream(httpx.URL(await live.box.url(port)))
            except BoxError as error:
                raise NotThere(_BAD_GATEWAY, "The box cannot be reached", error.message) from error
        return self._upstreams[key]
