"""A container's own origin, `http://<token>.localhost:<port>`: the engine's document and scripts, npm, the tunnel."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from runner.embedded.webcontainer import headers, pages
from runner.embedded.webcontainer.container import Container
from runner.embedded.webcontainer.places import Places

_SCRIPT = re.compile(r"[a-z][a-z0-9_-]*\.(js|wasm|json)", re.ASCII)
_TYPES = {"js": "text/javascript", "wasm": "application/wasm", "json": "application/json"}


class Engine:
    """What engines' origins answer. The container is in `request.state.container`, put there by the front."""

    def __init__(self, places: Places, web: Path) -> None:
        self._places, self._web = places, web / "engine"
        self.app = Starlette(routes=[Route("/headless", self._document), Route("/{name}", self._script)])

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
        return FileResponse(self._web / name, media_type=_TYPES[kind[1]], headers=fields)

    def _headers(self, request: Request) -> headers.Headers:
        container: Container = request.state.container
        own = self._places.engine(container.token)
        fields = headers.engine(self._places.settings, container.policy, self._places.host, own)
        return fields | headers.shared(request.headers.get("origin"), self._places.host)
