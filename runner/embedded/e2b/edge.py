"""The edge: one loopback port in front of everything; says for each request whether it is for the control plane, a
box's agent, or a port in a box, and whether its sender may.

Ways to a box: the headers `E2b-Sandbox-Id` and `E2b-Sandbox-Port` (the SDK), `Host: <port>-<id>.…` (browsers), the
path `/box/<id>/<port>/…` (any client, no names to resolve), and signed file URLs, which name no box at all.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time

from runner.embedded.e2b.box.http1 import Exchange, ProtocolError
from runner.embedded.e2b.boxes.box import ENVD_PORT, Box, Identity
from runner.embedded.e2b.boxes.boxes import Boxes
from runner.embedded.e2b.control.faults import FaultRoute
from runner.embedded.e2b.control.plane import ControlPlane
from runner.embedded.e2b.front import proxy
from runner.embedded.e2b.front.cors import shared
from runner.embedded.e2b.front.striking import Striker, places_of
from runner.embedded.e2b.network.outward import traffic_token
from runner.records import dataclass

_HOST = re.compile(r"(\d{1,5})-(i[a-z0-9]{19})\.")
_SECONDS = re.compile(r"-?[0-9]{1,17}")
_LATE = {"code": 401, "message": "signature is already expired"}
_UNSIGNED = "invalid signature, or its sandbox is gone"
_UNKNOWN = {"code": "unauthenticated", "message": "invalid or missing access token"}
_PATH = re.compile(r"/box/(i[a-z0-9]{19})/(\d{1,5})(?=[/?]|$)")


@dataclass(frozen=True, slots=True)
class _Target:
    """Which box a request names, which port there, and the target of the request as the box sees it."""

    name: str
    port: int
    target: str


class Edge:
    """Routes every request of the endpoint."""

    def __init__(self, boxes: Boxes, control: ControlPlane, striker: Striker, faults: FaultRoute) -> None:
        self._boxes = boxes
        self._control = control
        self._striker = striker
        self._faults = faults

    async def answer(self, exchange: Exchange) -> None:
        """Answer one request; one that goes wrong in a way nobody foresaw does not end the others."""
        try:
            await self._route(exchange)
        except (ProtocolError, ConnectionError):
            raise
        except Exception as error:  # noqa: BLE001 - the edge serves all boxes
            if exchange.started:
                exchange.abort()
            else:
                await exchange.json(500, {"code": 500, "message": f"internal error: {type(error).__name__}: {error}"})

    async def _route(self, exchange: Exchange) -> None:
        target = self._target(exchange)
        # Servers in boxes say for themselves who may have their answers.
        if (target is None or target.port == ENVD_PORT) and await shared(exchange):
            return
        if target is None and exchange.head.path == "/_faults":
            await self._faults.answer(exchange)
            return
        box = None if target is None else self._boxes.get(target.name)
        port = None if target is None else target.port

        async def work() -> None:
            await (self._outside(exchange) if target is None else self._to_box(exchange, target, box))

        await self._striker.serve(exchange, places_of(exchange.head, port), box, work)

    def _target(self, exchange: Exchange) -> _Target | None:
        head = exchange.head
        if name := head.get("e2b-sandbox-id"):
            return _Target(name, _port(head.get("e2b-sandbox-port")), head.target)
        if by_path := _PATH.match(head.target):
            rest = head.target[by_path.end() :]
            return _Target(by_path[1], _port(by_path[2]), rest if rest.startswith("/") else "/" + rest)
        if by_host := _HOST.match(head.get("host")):
            return _Target(by_host[2], _port(by_host[1]), head.target)
        if head.path == "/files" and "signature" in head.query:
            for box in self._boxes.all():
                if signed(exchange, box):
                    return _Target(box.id, ENVD_PORT, head.target)
        return None

    async def _outside(self, exchange: Exchange) -> None:
        if exchange.head.path == "/health":
            await exchange.json(200, {"status": "ok"})
        elif exchange.head.path == "/files" and "signature" in exchange.head.query:
            await exchange.body.drain()
            late = any(_late(exchange, box) for box in self._boxes.all())
            await exchange.json(401, _LATE if late else {"code": 401, "message": _UNSIGNED})
        else:
            await self._control.answer(exchange)

    async def _to_box(self, exchange: Exchange, target: _Target, box: Box | None) -> None:
        sleeper = self._control.sleeper(target.name)
        known = box or sleeper
        if known is not None and target.port == ENVD_PORT and not _allowed(exchange, known):
            await exchange.body.drain()
            await exchange.json(401, _LATE if _late(exchange, known) else _UNKNOWN)
            return
        host = ""
        if known is not None and target.port != ENVD_PORT:
            network = self._control.network(known.id)
            host = network.host(target.port)
            if not network.public and not await _shown(exchange, known):
                return
        # Who asks whether a box runs does not wake it.
        asks = target.port == ENVD_PORT and exchange.head.path == "/health"
        if sleeper is not None and not asks and not await self._control.wake(exchange, target.name):
            return
        await proxy.forward(self._boxes, exchange, target.name, target.port, proxy.Onward(target.target, host))


def _port(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else ENVD_PORT


async def _shown(exchange: Exchange, box: Box | Identity) -> bool:
    """Whether a request to a port of a box that is not public shows its token; else it has been answered."""
    name = "e2b-traffic-access-token"
    token = exchange.head.get(name)
    if hmac.compare_digest(token.encode(), traffic_token(box.token).encode()):
        return True
    what = f"Provided token in '{name}' header is invalid" if token else f"Token header '{name}' is missing"
    await exchange.body.drain()
    message = f"Sandbox is secured with traffic access token. {what}"
    await exchange.json(403, {"sandboxId": box.id, "message": message, "code": 403})
    return False


def _allowed(exchange: Exchange, box: Box | Identity) -> bool:
    if exchange.head.path == "/health":
        return True
    token = exchange.head.get("x-access-token")
    return hmac.compare_digest(token.encode(), box.token.encode()) or signed(exchange, box)


def signed(exchange: Exchange, box: Box | Identity) -> bool:
    """Whether a request carries this box's signature for a file, as `e2b/sandbox/signature.py` makes it."""
    return _genuine(exchange, box) and not _over(exchange)


def _late(exchange: Exchange, box: Box | Identity) -> bool:
    return _genuine(exchange, box) and _over(exchange)


def _over(exchange: Exchange) -> bool:
    expires = exchange.head.query.get("signature_expiration")
    return bool(expires) and int(expires or "0") < time.time()


def _genuine(exchange: Exchange, box: Box | Identity) -> bool:
    """Whether the signature is this box's for this very file, whatever the time."""
    query = exchange.head.query
    given = query.get("signature", "")
    if exchange.head.path != "/files" or not given:
        return False
    operation = "write" if exchange.head.method == "POST" else "read"
    words = [query.get("path", ""), operation, query.get("username", ""), box.token]
    if expires := query.get("signature_expiration"):
        if not _SECONDS.fullmatch(expires):
            return False
        words.append(expires)
    digest = hashlib.sha256(":".join(words).encode()).digest()
    wanted = "v1_" + base64.b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(given.encode(), wanted.encode())
