"""The control plane as a whole: every route of every family, behind the key."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Protocol

from runner.embedded.e2b.box.http1 import Exchange, ProtocolError
from runner.embedded.e2b.boxes.box import Box, Identity
from runner.embedded.e2b.boxes.boxes import Boxes
from runner.embedded.e2b.boxes.life import Life, NoSuchBox
from runner.embedded.e2b.control.gate import Gate
from runner.embedded.e2b.control.holdings import Holdings
from runner.embedded.e2b.control.networks import NetworkRoutes
from runner.embedded.e2b.control.orders import order
from runner.embedded.e2b.control.refusals import Refused
from runner.embedded.e2b.control.routing import LONGEST_BODY, Call, Route, Routes
from runner.embedded.e2b.control.sandboxes import Sandboxes
from runner.embedded.e2b.control.secrets import Secrets
from runner.embedded.e2b.control.snapshots import SnapshotRoutes
from runner.embedded.e2b.control.tags import TagRoutes
from runner.embedded.e2b.control.templates import TemplateRoutes
from runner.embedded.e2b.control.uploads import UploadRoutes
from runner.embedded.e2b.control.volumes import VolumeRoutes
from runner.embedded.e2b.control.watched import Watched
from runner.embedded.e2b.network.network import Network
from runner.errors import SandboxMissing

#: Seconds that the body of a request may take.
_BODY_SECONDS = 60.0


class Family(Protocol):
    """Routes that belong together."""

    def routes(self) -> Iterator[Route]:
        """All of them."""


class ControlPlane:
    """Answers what is for no box."""

    def __init__(self, boxes: Boxes, life: Life, holdings: Holdings, gate: Gate, domain: str) -> None:
        """`domain` is where boxes' ports are reached as `<port>-<id>.<domain>`."""
        self._gate = gate
        self._life = life
        families: list[Family] = [
            Watched(boxes, life),
            Sandboxes(boxes, life, holdings, gate, domain),
            NetworkRoutes(life),
            SnapshotRoutes(life, holdings.templates),
            TagRoutes(holdings.catalog),
            TemplateRoutes(holdings.catalog, holdings.builder, life),
            UploadRoutes(holdings.catalog),
            VolumeRoutes(holdings.volumes),
            Secrets(holdings.vault),
        ]
        self._routes = Routes(route for family in families for route in family.routes())

    def sleeper(self, name: str) -> Identity | None:
        """The paused box of this id that a request wakes; None when there is none."""
        return self._life.sleeper(name)

    def network(self, name: str) -> Network:
        """The network of a box, also of a paused one. Raises NoSuchBox."""
        found = self._life.find(name)
        return (found.order if isinstance(found, Box) else order(found.asked, found.template, 0.0, None)).network

    async def wake(self, exchange: Exchange, name: str) -> bool:
        """Let a sleeper go on because a request has come for it; False when the request was answered with why not."""
        try:
            await self._life.wake(name, self._gate.place)
        except Refused as error:
            await exchange.body.drain()
            await exchange.json(error.status, error.body(), error.fields)
            return False
        except (NoSuchBox, SandboxMissing, OSError):
            pass  # the proxy finds no running box, and says so
        return True

    async def answer(self, exchange: Exchange) -> None:
        """Answer one request."""
        try:
            route, names = self._routes.find(exchange.head.method, exchange.head.path)
            if not route.open:
                self._gate.authorize(exchange.head.get("x-api-key"))
            raw = b"" if route.streams else await _body(exchange)
            await route.handler(Call(exchange, names, raw))
        except Refused as error:
            await exchange.body.drain()
            await exchange.json(error.status, error.body(), error.fields)


async def _body(exchange: Exchange) -> bytes:
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await exchange.body.read(LONGEST_BODY)
    except TimeoutError as error:
        raise ProtocolError(f"the body took longer than {_BODY_SECONDS:g} s", 408) from error
