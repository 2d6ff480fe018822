"""How boxes are written on the wire: the vendor's `Sandbox`, `ListedSandbox` and `SandboxDetail`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from runner.embedded.e2b.boxes.box import Box, Order
from runner.embedded.e2b.boxes.endings import rfc3339
from runner.embedded.e2b.boxes.kept import Resting
from runner.embedded.e2b.network import upstream
from runner.embedded.e2b.network.outward import traffic_token

#: The version of the vendor's agent whose behaviour the agent has: the SDK asks for features by it.
ENVD_VERSION = "0.6.4"
_CLIENT = "embedded"


def sandbox(box: Box, domain: str) -> dict[str, Any]:
    """What a client needs to use a running box."""
    template = box.order.template
    return {
        "templateID": template.id,
        **({"alias": template.names[0]} if template.names else {}),
        "sandboxID": box.id,
        "clientID": _CLIENT,
        "envdVersion": version(box),
        "envdAccessToken": box.token,
        **({} if box.order.network.public else {"trafficAccessToken": traffic_token(box.token)}),
        "domain": domain,
    }


def listed(box: Box | Resting) -> dict[str, Any]:
    """What a list says of a box."""
    template = box.order.template if isinstance(box, Box) else box.template
    metadata = box.order.metadata if isinstance(box, Box) else box.metadata
    held = box.confinement.allowance if isinstance(box, Box) else None
    return {
        "templateID": template.id,
        **({"alias": template.names[0]} if template.names else {}),
        "sandboxID": box.id,
        "clientID": _CLIENT,
        "startedAt": rfc3339(box.started_at),
        "endAt": rfc3339(box.ends_at if isinstance(box, Box) and box.paused_at is None else box.paused_at or 0.0),
        "cpuCount": held.cpus if held else template.cpu,
        "memoryMB": held.memory_mb if held else template.memory_mb,
        "diskSizeMB": held.disk_mb if held else template.disk_mb,
        "metadata": dict(metadata),
        "state": state(box),
        "envdVersion": version(box),
        **_asked(box, "volumeMounts"),
    }


def detail(box: Box | Resting, order: Order, token: str, domain: str) -> dict[str, Any]:
    """All that is said of one box. `order` is what its client asked for."""
    paused = {} if state(box) == "running" else {"pauseMode": "full" if isinstance(box, Box) else "filesystem"}
    return {
        **listed(box),
        "envdAccessToken": token,
        "domain": domain,
        "allowInternetAccess": order.network.internet and (isinstance(box, Resting) or box.has_way_out),
        "lifecycle": {"autoResume": order.auto_resume, "onTimeout": "pause" if order.auto_pause else "kill"},
        **paused,
        **({"limits": box.held, "egress": asdict(box.traffic)} if isinstance(box, Box) else {}),
        **_network(box),
    }


def version(box: Box | Resting) -> str:
    """The agent's version; behind a plus sign, which no comparison of versions looks at, by what the box is held."""
    if isinstance(box, Resting):
        return ENVD_VERSION
    return f"{ENVD_VERSION}+{box.confinement.rung}.{box.held['disk']}.{box.held['users']}"


def state(box: Box | Resting) -> str:
    """`running` or `paused`."""
    return "running" if isinstance(box, Box) and box.paused_at is None else "paused"


def _network(box: Box | Resting) -> dict[str, Any]:
    network = _asked(box, "network").get("network")
    if network and network.get("egressProxy"):
        network = {**network, "egressProxy": upstream.shown(network["egressProxy"])}
    return {"network": network} if network else {}


def _asked(box: Box | Resting, name: str) -> dict[str, Any]:
    asked = box.order.asked if isinstance(box, Box) else box.asked
    return {name: asked[name]} if asked.get(name) else {}
