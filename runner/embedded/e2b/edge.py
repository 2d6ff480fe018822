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

from runner.embedded.e2b import proxy
from runner.embedded.e2b.box.http1 import Exchange, ProtocolError
from runner.embedded.e2b.boxes import ENVD_PORT, Box, Boxes
from runner.embedded.e2b.control.plane import ControlPlane

_HOST = re.compile(r"(\d{1,5})-(i[a-z0-9]{19})\.")
_PATH = re.compile(r"/box/(i[a-z0-9]{19})/(\d{1,5})(?=[/?]|$)")


class Edge:
    """Routes every request of the endpoint."""

    def __init__(self, boxes: Boxes, control: ControlPlane) -> None:
        self._boxes = boxes
        self._control = control

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
        head = exchange.head
        by_path = _PATH.match(head.target)
        by_host = _HOST.match(head.get("host"))
        if head.get("e2b-sandbox-id"):
            await self._to_box(exchange, head.get("e2b-sandbox-id"), head.get("e2b-sandbox-port"), head.target)
        elif by_path:
            rest = head.target[by_path.end() :]
            await self._to_box(exchange, by_path[1], by_path[2], rest if rest.startswith("/") else "/" + rest)
        elif by_host:
            await self._to_box(exchange, by_host[2], by_host[1], head.target)
        elif head.path == "/files" and "signature" in head.query:
            await self._signed(exchange)
        elif head.path == "/health":
            await exchange.json(200, {"status": "ok"})
        else:
            await self._control.answer(exchange)

    async def _to_box(self, exchange: Exchange, name: str, port: str, target: str) -> None:
        number = int(port) if port.isdecimal() and len(port) < 6 else ENVD_PORT
        box = self._boxes.get(name)
        if box is not None and number == ENVD_PORT and not _allowed(exchange, box):
            await exchange.body.drain()
            await exchange.json(401, {"code": "unauthenticated", "message": "invalid or missing access token"})
            return
        await proxy.forward(self._boxes, exchange, name, number, target)

    async def _signed(self, exchange: Exchange) -> None:
        for box in self._boxes.all():
            if signed(exchange, box):
                await proxy.forward(self._boxes, exchange, box.id, ENVD_PORT, exchange.head.target)
                return
        await exchange.body.drain()
        await exchange.json(401, {"code": 401, "message": "invalid signature, or its sandbox is gone"})


def _allowed(exchange: Exchange, box: Box) -> bool:
    if exchange.head.path == "/health":
        return True
    token = exchange.head.get("x-access-token")
    return hmac.compare_digest(token.encode(), box.token.encode()) or signed(exchange, box)


def signed(exchange: Exchange, box: Box) -> bool:
    """Whether a request carries this box's signature for a file, as `e2b/sandbox/signature.py` makes it."""
    query = exchange.head.query
    given = query.get("signature", "")
    if exchange.head.path != "/files" or not given:
        return False
    operation = "read" if exchange.head.method == "GET" else "write"
    words = [query.get("path", ""), operation, query.get("username", ""), box.token]
    if expires := query.get("signature_expiration"):
        if not expires.isdecimal() or len(expires) > 18 or int(expires) < time.time():
            return False
        words.append(expires)
    digest = hashlib.sha256(":".join(words).encode()).digest()
    wanted = "v1_" + base64.b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(given.encode(), wanted.encode())
