"""A container's own origin, `http://<token>.localhost:<port>`: the engine's document and scripts, npm, the tunnel."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from runner.embedded.webcontainer import headers, pages
from runner.embedded.webcontainer.bodies import read
from runner.embedded.webcontainer.container import Container
from runner.embedded.webcontainer.npm.installs import Installs
from runner.embedded.webcontainer.npm.request import MOST_BYTES
from runner.embedded.webcontainer.places import Places
from runner.embedded.webcontainer.tunnel import StreamBroken, Tunnel

_SCRIPT = re.compile(r"[a-z][a-z0-9_-]*\.(js|wasm|json)", re.ASCII)
_MOST_SCRIPT = 8 * 1024 * 1024
_TYPES = {"js": "text/javascript", "wasm": "application/wasm", "json": "application/json"}


class Engine:
    """What engines' origins answer. The container is in `request.state.container`, put there by the front."""

    def __init__(self, places: Places, web: Path, installs: Installs) -> None:
        self._places, self._web, self._installs = places, web / "engine", installs
        self.app = Starlette(
            routes=[
                Route("/headless", self._document),
                Route("/{name}", self._script),
                Route("/__runner/npm", self._npm, methods=["POST"]),
                Route("/__runner/preview", self._preview, methods=["POST"]),
                WebSocketRoute("/__runner/tunnel", self._tunnel),
            ],
            exception_handlers={HTTPException: self._failed},
        )

    async def _document(self, request: Request) -> Response:
        return Response(pages.ENGINE_PAGE, media_type="text/html", headers=self._headers(request))

    async def _script(self, request: Request) -> Response:
        name: str = request.path_params["name"]
        kind = _SCRIPT.fullmatch(name)
        fields = self._headers(request)
        if kind is None or not (self._web / name).is_file():
            return Response("there is no such page\n", 404, fields, "text/plain")
        # Each process of a container loads its script again.
        fields["Cache-Control"] = "private, max-age=300"
        return Response(pages.script(self._web / name), media_type=_TYPES[kind[1]], headers=fields)

    async def _failed(self, request: Request, error: Exception) -> Response:
        """What is not there is held to the container's policy too: it is a document of its origin."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        return Response("there is no such page\n", status, self._headers(request), "text/plain")

    async def _npm(self, request: Request) -> Response:
        container: Container = request.state.container
        if request.headers.get("origin") != self._places.engine(container.token):
            return Response("only the engine itself asks this\n", 403, self._headers(request), "text/plain")
        body = await read(request, MOST_BYTES)
        if body is None:
            fields = self._headers(request) | {"Connection": "close"}  # or the rest would still be read
            return Response("this is more than can be installed at a time\n", 413, fields, "text/plain")
        answer = await self._installs.answer(body, container.policy.network)
        return Response(answer, media_type="application/msgpack", headers=self._headers(request))

    async def _preview(self, request: Request) -> Response:
        """Take what the client wants done to the pages of previews."""
        container: Container = request.state.container
        fields = self._headers(request)
        if request.headers.get("origin") != self._places.engine(container.token):
            return Response("only the engine itself asks this\n", 403, fields, "text/plain")
        body = await read(request, _MOST_SCRIPT)
        if body is None:
            more = fields | {"Connection": "close"}
            return Response(f"a script has at most {_MOST_SCRIPT:,} bytes\n", 413, more, "text/plain")
        try:
            container.scripts.set(body)
        except ValueError as error:
            return Response(f"{error}\n", 400, fields, "text/plain")
        return Response(status_code=204, headers=fields)

    async def _tunnel(self, socket: WebSocket) -> None:
        container: Container = socket.state.container
        if socket.headers.get("origin") != self._places.engine(container.token):
            await socket.close(1008)
            return
        await socket.accept()

        async def frame(data: bytes) -> None:
            try:
                await socket.send_bytes(data)
            except (WebSocketDisconnect, RuntimeError) as error:
                raise StreamBroken("the container is gone") from error

        tunnel = Tunnel(frame)
        container.tunnels.append(tunnel)
        try:
            await _while_open(container, tunnel.carry(_frames(socket)))
        finally:
            container.tunnels.remove(tunnel)
            with suppress(RuntimeError, WebSocketDisconnect):  # it has hung up first
                await socket.close(1001, "the container is closed")

    def _headers(self, request: Request) -> headers.Headers:
        container: Container = request.state.container
        own = self._places.engine(container.token)
        fields = headers.engine(self._places.settings, container.policy, self._places.host, own)
        return fields | headers.shared(request.headers.get("origin"), self._places.host)


async def _frames(socket: WebSocket) -> AsyncIterator[bytes]:
    with suppress(WebSocketDisconnect, KeyError):  # KeyError: text, which no engine of ours sends
        while True:
            yield await socket.receive_bytes()


async def _while_open(container: Container, work: Coroutine[None, None, None]) -> None:
    """Do the work until it is done or the container is closed."""
    working = asyncio.ensure_future(work)
    closed = asyncio.ensure_future(container.closed.wait())
    try:
        await asyncio.wait((working, closed), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (working, closed):
            task.cancel()
        await asyncio.gather(working, closed, return_exceptions=True)
