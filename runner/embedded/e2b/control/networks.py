"""`PUT /sandboxes/{id}/network`: other rules for what a running box may reach; and reading a client's rules at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from runner.embedded.e2b.boxes.box import Box
from runner.embedded.e2b.boxes.life import Life, NoSuchBox
from runner.embedded.e2b.control.bodies import object_of
from runner.embedded.e2b.control.refusals import Refused
from runner.embedded.e2b.control.routing import Call, Route
from runner.embedded.e2b.network.network import Network, read_network

#: What a change replaces; what the outside may reach in the box stays as it was made.
_OUTGOING = ("allowOut", "denyOut", "dnsServers", "egressProxy", "rules")


def network_of(asked: Mapping[str, Any]) -> Network:
    """The network in a request for a box. Raises Refused (400)."""
    config = asked.get("network")
    if config is not None and not isinstance(config, dict):
        raise Refused(400, f"network must be an object, not {config!r}")
    try:
        network = read_network(config or {}, asked.get("allow_internet_access"))
    except ValueError as error:
        raise Refused(400, str(error)) from error
    if not network.public and not asked.get("secure", True):
        raise Refused(
            400,
            "You cannot create a sandbox without public access unless you enable secure envd access via 'secure' flag.",
        )
    return network


class NetworkRoutes:
    """The routes of boxes' networks."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def routes(self) -> Iterator[Route]:
        """All of them."""
        for path in ("/sandboxes", "/v2/sandboxes"):
            yield Route(f"PUT {path}/{{id}}/network", self._change)

    async def _change(self, call: Call) -> None:
        change = object_of(call.raw)
        try:
            box = self._life.find(call["id"])
        except NoSuchBox as error:
            raise Refused(404, f"sandbox '{call['id']}' was not found{error}") from error
        if not isinstance(box, Box) or box.paused_at is not None:
            raise Refused(409, f"sandbox '{call['id']}' is paused: its network can be changed when it is resumed")
        before = box.order.asked.get("network") or {}
        kept = {name: value for name, value in before.items() if name not in _OUTGOING}
        outgoing = {name: change[name] for name in _OUTGOING if change.get(name) is not None}
        asked = {**box.order.asked, "network": {**kept, **outgoing}}
        asked["allow_internet_access"] = change.get("allow_internet_access")
        box.order = replace(box.order, asked=asked, network=network_of(asked))
        box.heed_network()
        await call.exchange.reply(204)
