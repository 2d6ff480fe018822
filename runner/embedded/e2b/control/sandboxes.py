"""Routes of boxes: making, listing, looking at, keeping and ending them."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from runner.embedded.e2b.box.http1 import Exchange
from runner.embedded.e2b.boxes import Box, Boxes, Order
from runner.embedded.e2b.control.bodies import number, object_of, texts
from runner.embedded.e2b.control.gate import Gate
from runner.embedded.e2b.control.refusals import Refused
from runner.embedded.e2b.control.routing import Call, Handler, Route
from runner.embedded.e2b.metrics import Metrics
from runner.embedded.e2b.templates import Template, Templates
from runner.errors import SandboxMissing

#: The version of the vendor's agent whose behaviour the agent has: the SDK asks for features by it.
ENVD_VERSION = "0.6.2"
#: Seconds that a box lives when the client names none.
_DEFAULT_TIMEOUT = 15
#: So many Idempotency-Keys are remembered.
_PROMISES = 1000
_UNOFFERED = (("POST", "/pause"), ("POST", "/resume"), ("POST", "/fork"), ("POST", "/snapshots"), ("PUT", "/network"))
Answer = Callable[[Exchange, Box, bytes], Awaitable[None]]


class Sandboxes:
    """The routes of boxes, in the v1 and v2 forms: routes move inside one major version of the SDK."""

    def __init__(self, boxes: Boxes, templates: Templates, gate: Gate, domain: str) -> None:
        """`domain` is where boxes' ports are reached as `<port>-<id>.<domain>`."""
        self._boxes = boxes
        self._templates = templates
        self._gate = gate
        self._domain = domain
        self._metrics = Metrics()
        self._promised: dict[str, tuple[bytes, asyncio.Future[Box]]] = {}

    def routes(self) -> Iterator[Route]:
        """All of them."""
        for version in ("", "/v2"):
            yield Route(f"POST {version}/sandboxes", self._create)
            yield Route(f"GET {version}/sandboxes", self._list)
            for action in (
                ("GET", "", self._detail),
                ("DELETE", "", self._kill),
                ("POST", "/timeout", self._timeout),
                ("POST", "/connect", self._connect),
                ("GET", "/metrics", self._measure),
            ):
                method, rest, handler = action
                yield Route(f"{method} {version}/sandboxes/{{id}}{rest}", self._of_box(handler))
            for method, rest in _UNOFFERED:
                yield Route(f"{method} {version}/sandboxes/{{id}}{rest}", _unoffered)

    def _of_box(self, answer: Answer) -> Handler:
        async def handler(call: Call) -> None:
            box = self._boxes.get(call["id"])
            if box is None:
                raise Refused(404, f"sandbox {call['id']} not found")
            await answer(call.exchange, box, call.raw)

        return handler

    # ------------------------------------------------------------- making

    async def _create(self, call: Call) -> None:
        exchange, raw = call.exchange, call.raw
        order = _order(object_of(raw), self._templates, self._gate)
        key = exchange.head.get("idempotency-key")
        try:
            box = await (self._once(key, raw, order) if key else self._make(order))
        except (SandboxMissing, OSError) as error:
            raise Refused(503, str(error)) from error
        await exchange.json(201, self._sandbox(box))

    async def _make(self, order: Order) -> Box:
        with self._gate.place():
            return await self._boxes.create(order)

    async def _once(self, key: str, raw: bytes, order: Order) -> Box:
        if key in self._promised:
            asked, promise = self._promised[key]
            if asked != raw:
                raise Refused(409, "this Idempotency-Key was used with another body")
            return await asyncio.shield(promise)
        promise = asyncio.ensure_future(self._make(order))
        self._promised[key] = (raw, promise)
        while len(self._promised) > _PROMISES:
            self._promised.pop(next(iter(self._promised)))
        try:
            return await asyncio.shield(promise)
        except BaseException:
            self._promised.pop(key, None)
            raise

    def _sandbox(self, box: Box) -> dict[str, Any]:
        return {
            "templateID": box.order.template.id,
            "sandboxID": box.id,
            "clientID": "embedded",
            "envdVersion": ENVD_VERSION,
            "envdAccessToken": box.token,
            "domain": self._domain,
        }

    # ------------------------------------------------------------- looking

    async def _list(self, call: Call) -> None:
        exchange = call.exchange
        query = exchange.head.query
        limit = number(query.get("limit", "100"), "limit", 1, 100)
        states = set(query["state"].split(",")) if query.get("state") else {"running", "paused"}
        if not states <= {"running", "paused"}:
            raise Refused(400, f"state must be running or paused, not {query['state']!r}")
        # The SDK quotes names and values, and then the whole as a form once more.
        pairs = parse_qsl(query.get("metadata", ""), keep_blank_values=True)
        wanted = {unquote(key): unquote(value) for key, value in pairs}
        found = [
            box
            for box in self._boxes.all()
            if "running" in states
            and wanted.items() <= dict(box.order.metadata).items()
            and query.get("template", box.order.template.id) in (box.order.template.id, *box.order.template.names)
            and box.started_at > _instant(query.get("startedAfter"))
        ]
        found.sort(key=lambda box: (box.started_at, box.id), reverse=query.get("order", "desc") != "asc")
        start = _after(found, query.get("nextToken", ""))
        page = found[start : start + limit]
        fields = {}
        if start + limit < len(found):
            fields["x-next-token"] = base64.urlsafe_b64encode(page[-1].id.encode()).decode()
        await exchange.json(200, [_listed(box) for box in page], fields)

    async def _detail(self, exchange: Exchange, box: Box, _raw: bytes) -> None:
        more = {"envdAccessToken": box.token, "domain": self._domain, "allowInternetAccess": False}
        await exchange.json(200, {**_listed(box), **more})

    async def _measure(self, exchange: Exchange, box: Box, _raw: bytes) -> None:
        query = exchange.head.query
        start = number(query.get("start", "0"), "start", 0, 2**40)
        end = number(query.get("end", str(2**40)), "end", 0, 2**40)
        samples = await self._metrics.of(box)
        await exchange.json(200, [sample for sample in samples if start <= sample["timestampUnix"] <= end])

    # ------------------------------------------------------------- changing

    async def _kill(self, exchange: Exchange, box: Box, _raw: bytes) -> None:
        self._boxes.kill(box)
        await exchange.reply(204)

    async def _timeout(self, exchange: Exchange, box: Box, raw: bytes) -> None:
        asked = time.time() + self._gate.seconds(object_of(raw).get("timeout"))
        self._boxes.set_end(box, self._gate.end(box.started_at, asked))
        await exchange.reply(204)

    async def _connect(self, exchange: Exchange, box: Box, raw: bytes) -> None:
        """Connecting lets a box live longer where the client asks so, never shorter."""
        asked = object_of(raw).get("timeout")
        if asked is not None:
            until = max(box.ends_at, time.time() + self._gate.seconds(asked))
            self._boxes.set_end(box, self._gate.end(box.started_at, until))
        await exchange.json(200, self._sandbox(box))


async def _unoffered(call: Call) -> None:
    raise Refused(501, f"the embedded endpoint does not offer {call.exchange.head.path!r}")


def _listed(box: Box) -> dict[str, Any]:
    return {
        "templateID": box.order.template.id,
        **({"alias": box.order.template.names[0]} if box.order.template.names else {}),
        "sandboxID": box.id,
        "clientID": "embedded",
        "startedAt": _rfc3339(box.started_at),
        "endAt": _rfc3339(box.ends_at),
        "cpuCount": box.order.template.cpu,
        "memoryMB": box.order.template.memory_mb,
        "diskSizeMB": box.order.template.disk_mb,
        "metadata": dict(box.order.metadata),
        "state": "running",
        "envdVersion": ENVD_VERSION,
    }


def _rfc3339(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).isoformat().replace("+00:00", "Z")


def _instant(text: str | None) -> float:
    if not text:
        return 0.0
    try:
        return datetime.fromisoformat(text.replace(" ", "+")).timestamp()
    except ValueError as error:
        raise Refused(400, f"startedAfter is not a date: {text!r}") from error


def _after(found: list[Box], token: str) -> int:
    if not token:
        return 0
    try:
        name = base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, ValueError) as error:
        raise Refused(400, "nextToken is malformed") from error
    for index, box in enumerate(found):
        if box.id == name:
            return index + 1
    raise Refused(400, "nextToken names a sandbox that is gone; list again from the start")


def _template(name: object, templates: Templates) -> Template:
    if not isinstance(name, str) or not name:
        raise Refused(400, "templateID is missing")
    template = templates.find(name)
    if template is None:
        raise Refused(404, f"template {name!r} not found; the embedded endpoint has: {', '.join(templates.names())}")
    return template


def _order(body: dict[str, Any], templates: Templates, gate: Gate) -> Order:
    template = _template(body.get("templateID"), templates)
    for name in ("mcp", "volumeMounts", "iam"):
        if body.get(name):
            raise Refused(400, f"the embedded endpoint does not offer {name}")
    if body.get("autoPause"):
        raise Refused(400, "the embedded endpoint does not offer autoPause: a box ends when its time is over")
    timeout = gate.seconds(body.get("timeout", _DEFAULT_TIMEOUT))
    return Order(timeout, texts(body.get("envVars"), "envVars"), texts(body.get("metadata"), "metadata"), template)
