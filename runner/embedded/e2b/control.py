"""The control plane: E2B's REST API for sandboxes, as `e2b/api/client` calls it, in its bodies and status codes."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from runner.embedded.e2b.box.http1 import Exchange
from runner.embedded.e2b.boxes import CPU_COUNT, DISK_MB, MEMORY_MB, Box, Boxes, Order
from runner.embedded.e2b.metrics import Metrics
from runner.errors import SandboxMissing

#: The version of the vendor's agent whose behaviour the agent has: the SDK asks for features by it.
ENVD_VERSION = "0.6.2"
#: Seconds that a box lives when the client names none, and the longest that it may name.
_DEFAULT_TIMEOUT = 15
_LONGEST = 24 * 3600
_TEMPLATES = ("base",)
#: So many Idempotency-Keys are remembered.
_PROMISES = 1000
_UNOFFERED = ("pause", "resume", "fork", "snapshots", "network")
Answer = Callable[[Exchange, Box, bytes], Awaitable[None]]


class Refused(Exception):
    """A request that gets an error body; `status` and `message` are E2B's `Error` schema."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class ControlPlane:
    """Answers the routes under `/sandboxes` and `/v2/sandboxes`."""

    def __init__(self, boxes: Boxes, key: str, domain: str) -> None:
        """`key` is what `X-API-KEY` must hold; `domain` is where boxes' ports are reached as `<port>-<id>.<domain>`."""
        self._boxes = boxes
        self._key = key
        self._domain = domain
        self._metrics = Metrics()
        self._promised: dict[str, tuple[bytes, asyncio.Future[Box]]] = {}
        self._actions: dict[tuple[str, str], Answer] = {
            ("GET", ""): self._detail,
            ("DELETE", ""): self._kill,
            ("POST", "timeout"): self._timeout,
            ("POST", "connect"): self._connect,
            ("GET", "metrics"): self._measure,
        }

    async def answer(self, exchange: Exchange) -> None:
        """Answer one request."""
        raw = await exchange.body.read(1024 * 1024)
        try:
            self._authorize(exchange)
            await self._route(exchange, raw)
        except Refused as error:
            await exchange.json(error.status, {"code": error.status, "message": error.message})

    def _authorize(self, exchange: Exchange) -> None:
        if not hmac.compare_digest(exchange.head.get("x-api-key").encode(), self._key.encode()):
            raise Refused(401, "invalid API key")

    async def _route(self, exchange: Exchange, raw: bytes) -> None:
        words = [word for word in exchange.head.path.split("/") if word]
        if words and words[0] == "v2":
            words = words[1:]
        method = exchange.head.method
        if words == ["sandboxes"] and method == "POST":
            await self._create(exchange, raw)
        elif words == ["sandboxes"] and method == "GET":
            await self._list(exchange)
        elif len(words) in (2, 3) and words[0] == "sandboxes":
            await self._one(exchange, words[1], words[2] if len(words) == 3 else "", raw)
        else:
            raise Refused(404, f"no such route: {method} {exchange.head.path}")

    async def _one(self, exchange: Exchange, name: str, action: str, raw: bytes) -> None:
        if action in _UNOFFERED:
            raise Refused(501, f"the embedded endpoint does not offer {action!r}")
        call = self._actions.get((exchange.head.method, action))
        if call is None:
            raise Refused(404, f"no such route: {exchange.head.method} {exchange.head.path}")
        box = self._boxes.get(name)
        if box is None:
            raise Refused(404, f"sandbox {name} not found")
        await call(exchange, box, raw)

    # ------------------------------------------------------------- making

    async def _create(self, exchange: Exchange, raw: bytes) -> None:
        order = _order(_object(raw))
        key = exchange.head.get("idempotency-key")
        try:
            box = await (self._once(key, raw, order) if key else self._boxes.create(order))
        except (SandboxMissing, OSError) as error:
            raise Refused(503, str(error)) from error
        await exchange.json(201, self._sandbox(box))

    async def _once(self, key: str, raw: bytes, order: Order) -> Box:
        if key in self._promised:
            asked, promise = self._promised[key]
            if asked != raw:
                raise Refused(409, "this Idempotency-Key was used with another body")
            return await asyncio.shield(promise)
        promise = asyncio.ensure_future(self._boxes.create(order))
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
            "templateID": box.order.template,
            "sandboxID": box.id,
            "clientID": "embedded",
            "envdVersion": ENVD_VERSION,
            "envdAccessToken": box.token,
            "domain": self._domain,
        }

    # ------------------------------------------------------------- looking

    async def _list(self, exchange: Exchange) -> None:
        query = exchange.head.query
        limit = _number(query.get("limit", "100"), "limit", 1, 100)
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
            and query.get("template", box.order.template) == box.order.template
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
        start = _number(query.get("start", "0"), "start", 0, 2**40)
        end = _number(query.get("end", str(2**40)), "end", 0, 2**40)
        samples = await self._metrics.of(box)
        await exchange.json(200, [sample for sample in samples if start <= sample["timestampUnix"] <= end])

    # ------------------------------------------------------------- changing

    async def _kill(self, exchange: Exchange, box: Box, _raw: bytes) -> None:
        self._boxes.kill(box)
        await exchange.reply(204)

    async def _timeout(self, exchange: Exchange, box: Box, raw: bytes) -> None:
        seconds = _seconds(_object(raw).get("timeout"))
        self._boxes.set_end(box, time.time() + seconds)
        await exchange.reply(204)

    async def _connect(self, exchange: Exchange, box: Box, raw: bytes) -> None:
        """Connecting lets a box live longer where the client asks so, never shorter."""
        asked = _object(raw).get("timeout")
        if asked is not None:
            self._boxes.set_end(box, max(box.ends_at, time.time() + _seconds(asked)))
        await exchange.json(200, self._sandbox(box))


def _listed(box: Box) -> dict[str, Any]:
    return {
        "templateID": box.order.template,
        "sandboxID": box.id,
        "clientID": "embedded",
        "startedAt": _rfc3339(box.started_at),
        "endAt": _rfc3339(box.ends_at),
        "cpuCount": CPU_COUNT,
        "memoryMB": MEMORY_MB,
        "diskSizeMB": DISK_MB,
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


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw or b"{}")
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Refused(400, "the body is not a JSON object")
    return value


def _number(text: str, name: str, low: int, high: int) -> int:
    if not text.isdecimal() or len(text) > 18 or not low <= int(text) <= high:
        raise Refused(400, f"{name} must be a number from {low} to {high}, not {text!r}")
    return int(text)


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise Refused(400, f"timeout must be a number of seconds, not {value!r}")
    if value > _LONGEST:
        raise Refused(400, f"timeout cannot be greater than {_LONGEST} seconds")
    return float(value)


def _texts(value: object, name: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise Refused(400, f"{name} must map names to strings")
    if any("\0" in key + each or ("=" in key and name == "envVars") for key, each in value.items()):
        raise Refused(400, f"{name} holds what no environment can hold")
    return value


def _order(body: dict[str, Any]) -> Order:
    template = body.get("templateID")
    if not isinstance(template, str) or not template:
        raise Refused(400, "templateID is missing")
    if template not in _TEMPLATES:
        raise Refused(404, f"template {template!r} not found; the embedded endpoint has: {', '.join(_TEMPLATES)}")
    for name in ("mcp", "volumeMounts", "iam"):
        if body.get(name):
            raise Refused(400, f"the embedded endpoint does not offer {name}")
    if body.get("autoPause"):
        raise Refused(400, "the embedded endpoint does not offer autoPause: a box ends when its time is over")
    timeout = _seconds(body.get("timeout", _DEFAULT_TIMEOUT))
    return Order(timeout, _texts(body.get("envVars"), "envVars"), _texts(body.get("metadata"), "metadata"), template)
