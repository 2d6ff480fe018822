"""What the runner itself answers at a preview's origin, below `/__runner/`: service worker, cookies, scripts, errors.

These paths are not the container's. What a page of the preview may ask here it could do without asking, as all of an
origin is one: set cookies of its own, and say that it has failed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from runner.embedded.webcontainer import headers, pages
from runner.embedded.webcontainer.bodies import parsed, read
from runner.embedded.webcontainer.container import Container
from runner.embedded.webcontainer.places import Places
from runner.embedded.webcontainer.tunnel import StreamBroken

_WORKER = "preview-worker.js"
_SCRIPTS = tuple(name for name in pages.PREVIEW if name != _WORKER)
_MOST_FIELDS = 256 * 1024
_MOST_MESSAGE = 256 * 1024  # a frame of the tunnel is one WebSocket message
#: What only an answer of the network can make a browser heed.
_HEEDED = ("set-cookie", "clear-site-data")
_TEXT = "text/plain"


class PreviewPages:
    """The container is in `request.state.container`, and the port in `request.state.port`."""

    def __init__(self, places: Places, web: Path) -> None:
        self._places, self._web = places, web / "engine"
        self.app = Starlette(
            routes=[
                Route("/", self._worker),
                Route("/__runner/preview", self._page),
                Route("/__runner/preview-script.js", self._wanted),
                Route("/__runner/preview-message", self._message, methods=["POST"]),
                Route("/__runner/fields", self._fields, methods=["POST"]),
                Route("/__runner/{name}", self._script),
            ]
        )

    async def _page(self, request: Request) -> Response:
        return Response(pages.PREVIEW_PAGE, media_type="text/html", headers=self._headers(request))

    async def _script(self, request: Request) -> Response:
        name: str = request.path_params["name"]
        return self._file(request, name if name in _SCRIPTS else "")

    async def _worker(self, request: Request) -> Response:
        return self._file(request, _WORKER)

    def _file(self, request: Request, name: str) -> Response:
        if not name or not (self._web / name).is_file():
            return Response("there is no such page\n", 404, self._headers(request), _TEXT)
        return FileResponse(self._web / name, media_type="text/javascript", headers=self._headers(request))

    async def _wanted(self, request: Request) -> Response:
        """The script that the client has set."""
        script = _container(request).scripts.script
        if script is None:
            return Response("no script is set\n", 404, self._headers(request), _TEXT)
        return Response(script.text, media_type="text/javascript", headers=self._headers(request))

    async def _fields(self, request: Request) -> Response:
        """Answer with the headers that a service worker has been given, for which its own answers do not count."""
        body = await self._own_body(request, _MOST_FIELDS)
        if isinstance(body, Response):
            return body
        answer = Response(status_code=204, headers=self._headers(request))
        try:
            for name, value in cast("list[list[str]]", parsed(body)):
                if name.lower() in _HEEDED and value.isprintable():
                    answer.headers.append(name, value)
        except (ValueError, TypeError, AttributeError):  # UnicodeError, too: headers are latin-1
            return Response("these are no headers\n", 400, self._headers(request), _TEXT)
        await _container(request).sets_cookies(request.state.port)
        return answer

    async def _message(self, request: Request) -> Response:
        """Hand on what a page says of its errors to the client."""
        body = await self._own_body(request, _MOST_MESSAGE)
        if isinstance(body, Response):
            return body
        message = _object(body)
        if message is None:
            return Response("this is no message\n", 400, self._headers(request), _TEXT)
        container = _container(request)
        try:
            if container.tunnels and container.scripts.errors != "none":
                # Written again: in whatever encoding it came, the engine can read it.
                await container.tunnels[-1].message(request.state.port, json.dumps(message).encode())
        except StreamBroken:
            return Response("the engine is gone\n", 502, self._headers(request), _TEXT)
        return Response(status_code=204, headers=self._headers(request))

    async def _own_body(self, request: Request, most: int) -> bytes | Response:
        """The body that a page or a worker of the origin itself has sent, else a refusal."""
        own = self._places.preview(_container(request).token, request.state.port)
        if request.headers.get("origin") != own:
            return Response("only pages of this preview ask this\n", 403, self._headers(request), _TEXT)
        body = await read(request, most)
        if body is None:
            return Response("this is too much\n", 413, self._headers(request) | {"Connection": "close"}, _TEXT)
        return body

    def _headers(self, request: Request) -> headers.Headers:
        container = _container(request)
        engine = self._places.engine(container.token)
        return headers.preview_page(self._places.settings, container.policy, self._places.host, engine)


def _object(body: bytes) -> dict[str, object] | None:
    try:
        said = parsed(body)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _container(request: Request) -> Container:
    container: Container = request.state.container
    return container
