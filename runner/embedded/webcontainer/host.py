"""The host origin, `http://127.0.0.1:<port>`: a page per container, and files on their way to and from it."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from runner.embedded.webcontainer import headers, pages
from runner.embedded.webcontainer.container import Container, Containers
from runner.embedded.webcontainer.places import Places


class Host:
    """What the host origin answers. Other names of this machine, and requests of other origins, are refused."""

    def __init__(self, places: Places, containers: Containers, web: Path) -> None:
        self._places, self._containers, self._web = places, containers, web
        self.app = Starlette(
            routes=[
                Route("/box/{secret}/", self._page),
                Route("/page.js", self._script),
                Route("/files/{secret}/{name}", self._file, methods=["GET", "PUT"]),
            ]
        )

    async def _page(self, request: Request) -> Response:
        container = self._named(request)
        if container is None or request.headers.get("sec-fetch-site", "none") != "none":
            return _no_such_page()
        fields = headers.host_page(self._places.settings, container.policy, self._places.engine(container.token))
        return Response(pages.HOST_PAGE, media_type="text/html", headers=fields)

    async def _script(self, request: Request) -> Response:
        if not self._own(request):
            return _no_such_page()
        fields = {"Cross-Origin-Resource-Policy": "same-origin", "X-Content-Type-Options": "nosniff"}
        return Response(pages.script(self._web / "host" / "page.js"), media_type="text/javascript", headers=fields)

    async def _file(self, request: Request) -> Response:
        container = self._named(request)
        if container is None or not self._own(request):
            return _no_such_page()
        name = request.path_params["name"]
        if request.method == "GET":
            data = container.files.take(name)
            return _no_such_page() if data is None else Response(data, headers=_FILE)
        if not container.files.expects(name):
            return _no_such_page()
        taken = container.files.arrived(name, await request.body())
        return Response(status_code=204, headers=_FILE) if taken else _no_such_page()

    def _named(self, request: Request) -> Container | None:
        if request.headers.get("host") != self._places.host_name:
            return None
        return self._containers.of_secret(request.path_params["secret"])

    def _own(self, request: Request) -> bool:
        """Whether a page of ours asks; a browser says so, other programs do not set these headers."""
        named = request.headers.get("host") == self._places.host_name
        origin = request.headers.get("origin", self._places.host)
        return named and origin == self._places.host and request.headers.get("sec-fetch-site") in (None, "same-origin")


_FILE = {
    "Content-Type": "application/octet-stream",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def _no_such_page() -> Response:
    return PlainTextResponse("there is no such page\n", status_code=404)
