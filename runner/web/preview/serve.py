"""Previews served beside a run, until it ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from runner.embedded.webcontainer.serving import serving
from runner.errors import ServiceError
from runner.run.event import Event
from runner.run.live import LiveBox, LiveBoxes
from runner.web.preview.address import Names, Place, Preview
from runner.web.preview.finder import Finder
from runner.web.preview.gate import Gate
from runner.web.preview.ports import Lookout
from runner.web.preview.relay import Relay


class Previews:
    """The previews of this process. Hand `live` to the run, and every event of it to `hear`."""

    def __init__(self, names: Names) -> None:
        self.live = LiveBoxes(self._entered)
        self._names = names
        self.finder = Finder(self.live)
        self.lookout = Lookout(self.live, self.announce)
        self._announced: dict[tuple[str, int], str] = {}

    def hear(self, event: Event) -> None:
        """Take note of an event of the run, or of one below it."""
        self.finder.hear(event)

    def _entered(self, live: LiveBox) -> None:
        self.lookout.hear(live)

    def address(self, port: int | str, run: str) -> str:
        """Where a port of a run's boxes can be seen; for a sentence, `port` may be a word."""
        return self._names.address(Preview(0, run)).replace("//0--", f"//{port}--")

    def addresses(self) -> list[str]:
        """The addresses of servers that live boxes have shown, the oldest first."""
        live = {each.box.id for each in self.live.all()}
        return [address for (box, _), address in self._announced.items() if box in live]

    def announce(self, live: LiveBox, port: int) -> None:
        """Write down, once, that a server of a box can be seen: `preview.ready`."""
        if (live.box.id, port) in self._announced or live not in self.live.all():
            return
        address = self._names.address(Preview(port, self.finder.top(live.run)))
        self._announced[live.box.id, port] = address
        about = {"sandbox": live.sandbox, "provider": live.box.provider, "box": live.box.id}
        live.tell("preview.ready", {"port": port, "address": address, **about})


@asynccontextmanager
async def serve(place: Place, token: str, failed: Callable[[str], None]) -> AsyncIterator[Previews]:
    """Serve previews until the block ends; `failed` gets a sentence should looking for open ports end early.

    Raises ServiceError when the place cannot be had.
    """
    listener = listen(place)
    names = Names(place, listener.getsockname()[1])
    previews = Previews(names)
    relay = Relay(names, Gate(token, names), previews)
    lookout = asyncio.ensure_future(previews.lookout.watch())
    lookout.add_done_callback(lambda task: None if task.cancelled() else failed(f"previews: {task.exception()}"))
    try:
        async with serving(relay, listener):
            yield previews
    finally:
        lookout.cancel()
        with suppress(asyncio.CancelledError):
            await lookout
        await relay.close()


def listen(place: Place) -> socket.socket:
    """A listener at a place. Raises ServiceError when it cannot be had."""
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    # With its protocol named, or asyncio leaves Nagle's algorithm on: each small answer would take 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((place.host, place.port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        why = f"previews cannot be served at {place.host}:{place.port}: {error.strerror}"
        raise ServiceError(why, "Take --preview 0 for any free port.") from error
    listener.setblocking(False)
    return listener
