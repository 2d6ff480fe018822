"""Serving WebContainers from this process: `launch` gives an endpoint, the endpoint a ticket for each container."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from runner.embedded.webcontainer import pages
from runner.embedded.webcontainer.container import Container, Containers
from runner.embedded.webcontainer.engine import Engine
from runner.embedded.webcontainer.front import Front, Rooms
from runner.embedded.webcontainer.host import Host
from runner.embedded.webcontainer.npm.installs import Installs, cache_folder
from runner.embedded.webcontainer.places import Places
from runner.embedded.webcontainer.preview import preview
from runner.embedded.webcontainer.preview_pages import PreviewPages
from runner.embedded.webcontainer.serving import failing, listen, serving
from runner.embedded.webcontainer.settings import Policy, Settings

_PLAIN = Settings()
_CLOSED = Policy()


class Ticket:
    """What one container is reached by. `close` it when the container is gone; its addresses end with it."""

    def __init__(self, places: Places, containers: Containers, container: Container) -> None:
        self._places, self._containers, self._container = places, containers, container
        self.token = container.token
        #: The engine's origin, for `boot({engine})` and, with a slash, for `WEBCONTAINER_API_IFRAME_URL`.
        self.engine_origin = places.engine(container.token)
        #: The container's own host page, for the browser to open; nobody else can guess it.
        self.page_url = f"{places.host}/box/{container.files.secret}/"

    def offer(self, data: bytes) -> str:
        """Let the host page fetch `data` once, from the path given back."""
        return self._container.files.offer(data)

    def expect(self) -> tuple[str, asyncio.Future[bytes]]:
        """A path to which the host page may put a body once, and that body. It fails with BoxGone at `close`."""
        return self._container.files.expect()

    def preview(self, port: int) -> str:
        """Where a browser of this machine sees what listens on a port in the container.

        Other programs may not resolve the name: they connect to `Endpoint.engine_address` and send it as `Host`.
        """
        return self._places.preview(self.token, port)

    def close(self) -> None:
        """End the container's addresses."""
        self._containers.remove(self._container)


class Endpoint:
    """A pair of servers, host and engine, on loopback."""

    def __init__(self, places: Places, containers: Containers) -> None:
        self._places, self._containers = places, containers
        #: The origin of the host pages.
        self.host_origin = places.host
        #: Where engines and previews of all containers are connected to, whatever they are called.
        self.engine_address = ("127.0.0.1", places.engine_port)

    def container(self, policy: Policy = _CLOSED) -> Ticket:
        """Addresses for one container more, which nobody can guess."""
        return Ticket(self._places, self._containers, self._containers.add(policy))


@asynccontextmanager
async def launch(settings: Settings = _PLAIN, web: Path | None = None) -> AsyncIterator[Endpoint]:
    """Serve from this process, in its event loop, until the block ends.

    `web` is a folder as `web/build.mjs` makes it; by default what was built or came with the wheel. Raises ServiceError
    when a port cannot be had or the pages are not built.
    """
    web = pages.built() if web is None else web
    hosting = listen(settings.host_port)
    try:
        engines = listen(settings.engine_port)
    except BaseException:
        hosting.close()
        raise
    places = Places(settings, hosting.getsockname()[1], engines.getsockname()[1])
    containers = Containers()
    installs = Installs(cache_folder(os.environ))
    engine = Engine(places, web, installs)
    front = Front(places, containers, Rooms(engine.app, preview, PreviewPages(places, web).app))
    broken = settings.fault in ("hang", "drop", "refuse")
    async with (
        serving(Host(places, containers, web).app, hosting),
        failing(settings.fault, engines) if broken else serving(front, engines),
    ):
        try:
            yield Endpoint(places, containers)
        finally:
            containers.close()
            await installs.close()
