"""The door of the engine's port: which container a request is for, by the name of the host it asks."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from runner.embedded.webcontainer import names, pages
from runner.embedded.webcontainer.container import Containers
from runner.embedded.webcontainer.headers import shared
from runner.embedded.webcontainer.places import Places
from runner.records import dataclass

_NO_MORE: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Rooms:
    """What is behind the door: the `engine`'s own origin, the `ports` in the container, and our `pages` at theirs."""

    engine: ASGIApp
    ports: ASGIApp
    pages: ASGIApp


class Front:
    """Gives each request to the engine's pages or to a port in the container; refuses all names but containers' own.

    So no page on the internet whose name leads to this machine can reach a container (DNS rebinding).
    """

    def __init__(self, places: Places, containers: Containers, rooms: Rooms) -> None:
        self._places, self._containers, self._rooms = places, containers, rooms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or one connection of the tunnel."""
        fields = Headers(scope=scope)
        name = names.read(fields.get("host", ""), self._places.engine_port)
        container = None if name is None else self._containers.of_token(name.token)
        if name is None or container is None:
            await refuse(scope, send, 421, "No such container", "no container of this machine has this address")
        elif self._places.settings.fault == "503":
            seen = shared(fields.get("origin"), self._places.host)
            await refuse(scope, send, 503, "Service unavailable", "the engine has been made to fail", seen)
        else:
            scope.setdefault("state", {})["container"] = container
            scope["state"]["port"] = name.port
            await self._room(scope, name.port)(scope, receive, send)

    def _room(self, scope: Scope, port: int | None) -> ASGIApp:
        if port is None:
            return self._rooms.engine
        # The one script at `/`, for which browsers ask by a header, is that of our service worker.
        script = scope["path"] == "/" and (b"service-worker", b"script") in scope["headers"]
        own = scope["type"] == "http" and (script or scope["path"].startswith("/__runner/"))
        return self._rooms.pages if own else self._rooms.ports


async def refuse(
    scope: Scope, send: Send, status: int, title: str, text: str, more: Mapping[str, str] = _NO_MORE
) -> None:
    """Answer with a status and a sentence, also who wants a WebSocket; `more` are further headers."""
    browser = "text/html" in Headers(scope=scope).get("accept", "")
    body, kind = pages.message(title, text, browser=browser)
    fields = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"cross-origin-resource-policy", b"cross-origin"),
        # A page that is embedded where everything is isolated would otherwise not be shown.
        (b"cross-origin-embedder-policy", b"require-corp"),
        (b"content-security-policy", b"default-src 'none'"),
        *((name.lower().encode(), value.encode()) for name, value in more.items()),
    ]
    kind_of = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    await send({"type": f"{kind_of}.start", "status": status, "headers": fields})
    await send({"type": f"{kind_of}.body", "body": body if scope.get("method") != "HEAD" else b""})
