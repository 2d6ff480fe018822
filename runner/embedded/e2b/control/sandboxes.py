"""Routes of boxes: making, listing, looking at, pausing, letting go on, forking and ending them."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from runner.embedded.e2b.boxes.box import Box
from runner.embedded.e2b.boxes.boxes import Boxes
from runner.embedded.e2b.boxes.kept import Resting
from runner.embedded.e2b.boxes.life import Life, NoSuchBox, WrongState
from runner.embedded.e2b.boxes.within import answers
from runner.embedded.e2b.control import orders, shown
from runner.embedded.e2b.control.bodies import object_of
from runner.embedded.e2b.control.gate import Gate
from runner.embedded.e2b.control.holdings import Holdings
from runner.embedded.e2b.control.pages import page
from runner.embedded.e2b.control.promises import Promises
from runner.embedded.e2b.control.refusals import Refused
from runner.embedded.e2b.control.routing import Call, Route
from runner.embedded.e2b.setup.catalog import remedy
from runner.embedded.e2b.templates import Template
from runner.errors import SandboxMissing

#: Seconds that a box lives when the client names none: made or resumed by v1, forked; made or connected to by v2.
_DEFAULT_V1 = 15
_DEFAULT_V2 = 300
#: The longest life that `refreshes` gives (v1), seconds.
_LONGEST_REFRESH = 3_600
_MOST_FORKS = 100
#: Seconds in which the agent of a box must answer that is to be paused only if it does.
_AGENT_SECONDS = 2.0
_PATHS = ("/sandboxes", "/v2/sandboxes")


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """Answer what can go wrong with a box as the vendor does."""
    try:
        yield
    except NoSuchBox as error:
        raise Refused(404, f"sandbox '{name}' was not found{error}") from error
    except WrongState as error:
        raise Refused(409, str(error)) from error
    except SandboxMissing as error:
        raise Refused(503, str(error)) from error
    except OSError as error:
        raise Refused(500, f"sandbox '{name}': {error}") from error


class Sandboxes:
    """The routes of boxes, in the v1 and v2 forms: routes move inside one major version of the SDK."""

    def __init__(self, boxes: Boxes, life: Life, holdings: Holdings, gate: Gate, domain: str) -> None:
        """`domain` is where boxes' ports are reached as `<port>-<id>.<domain>`."""
        self._boxes = boxes
        self._life = life
        self._templates = holdings.templates
        self._volumes = holdings.volumes
        self._gate = gate
        self._domain = domain
        self._promises = Promises()
        life.read_order = lambda asked, template: orders.again(asked, template, self._volumes)

    def routes(self) -> Iterator[Route]:
        """All of them."""
        handlers = (
            ("POST", "", self._create),
            ("GET", "", self._list),
            ("GET", "/{id}", self._detail),
            ("DELETE", "/{id}", self._kill),
            ("POST", "/{id}/timeout", self._timeout),
            ("POST", "/{id}/refreshes", self._refresh),
            ("POST", "/{id}/connect", self._connect),
            ("POST", "/{id}/pause", self._pause),
            ("POST", "/{id}/resume", self._resume),
            ("POST", "/{id}/fork", self._fork),
        )
        for path in _PATHS:
            for method, rest, handler in handlers:
                yield Route(f"{method} {path}{rest}", handler)

    # ------------------------------------------------------------- making

    async def _create(self, call: Call) -> None:
        asked = object_of(call.raw)
        default = _DEFAULT_V2 if call.exchange.head.path.startswith("/v2") else _DEFAULT_V1
        seconds = self._gate.seconds(asked.get("timeout", default))
        order = orders.order(asked, self._template(asked), seconds, self._volumes)

        async def make() -> Box:
            with self._gate.place():
                return await self._life.create(order)

        key = call.exchange.head.get("idempotency-key")
        try:
            box = await (self._promises.once(key, call.raw, make) if key else make())
        except (SandboxMissing, OSError) as error:
            linked = isinstance(error, OSError) and error.errno == errno.ELOOP  # it will be so the next time, too
            raise Refused(400 if linked else 503, str(error)) from error
        await call.exchange.json(201, shown.sandbox(box, self._domain))

    def _template(self, asked: Mapping[str, Any]) -> Template:
        name = asked.get("templateID")
        if not isinstance(name, str) or not name:
            raise Refused(400, "templateID is missing")
        snapshot = self._life.snapshots.find(name)
        template = snapshot.template if snapshot else self._templates.find(name)
        if template is None:
            known = ", ".join(self._templates.names())
            why = f": {absent}" if (absent := remedy(name)) else ""
            raise Refused(404, f"template '{name}' not found{why}; this endpoint has {known}, and its snapshots")
        return template

    async def _fork(self, call: Call) -> None:
        asked = object_of(call.raw)
        count = asked.get("count", 1)
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= _MOST_FORKS:
            raise Refused(400, f"count must be a number from 1 to {_MOST_FORKS}, not {count!r}")
        seconds = self._gate.seconds(asked.get("timeout", _DEFAULT_V1))
        with self._gate.place(count), refusing(call["id"]):
            made = await self._life.fork(call["id"], seconds, count)
        await call.exchange.json(201, [self._forked(each) for each in made])

    def _forked(self, made: Box | Exception) -> dict[str, Any]:
        if isinstance(made, Box):
            return {"sandbox": shown.sandbox(made, self._domain)}
        status = 503 if isinstance(made, SandboxMissing) else 500
        return {"error": {"code": status, "message": f"the fork could not be made: {made}"}}

    # ------------------------------------------------------------- looking

    async def _list(self, call: Call) -> None:
        query = call.exchange.head.query
        states = set(query["state"].split(",")) if query.get("state") else {"running", "paused"}
        if not states <= {"running", "paused"}:
            raise Refused(400, f"state must be running or paused, not {query['state']!r}")
        if query.get("order", "desc") not in ("asc", "desc"):
            raise Refused(400, f"order must be asc or desc, not {query['order']!r}")
        if call.exchange.head.path == _PATHS[0]:
            states &= {"running"}  # v1 knows no others
        since = _instant(query.get("startedAfter"))
        labels, template = _labels(query.get("metadata", "")), query.get("template")
        found = [
            each
            for each in self._life.all()
            if shown.state(each) in states and each.started_at >= since and _matches(each, labels, template)
        ]
        newest_first = query.get("order", "desc") == "desc"
        found.sort(key=_rank, reverse=newest_first)
        items, fields = page(found, _rank, query, newest_first=newest_first)
        await call.exchange.json(200, [shown.listed(each) for each in items], fields)

    async def _detail(self, call: Call) -> None:
        with refusing(call["id"]):
            box = self._life.find(call["id"])
        if isinstance(box, Box):
            order, token = box.order, box.token
        else:
            order, token = orders.order(box.asked, box.template, 0.0, None), self._life.token(box.id)
        await call.exchange.json(200, shown.detail(box, order, token, self._domain))

    # ------------------------------------------------------------- keeping and ending

    async def _kill(self, call: Call) -> None:
        with refusing(call["id"]):
            await self._life.kill(call["id"])
        await call.exchange.reply(204)

    async def _timeout(self, call: Call) -> None:
        asked = object_of(call.raw).get("timeout")
        # Less than nothing is nothing, as at the hosted service.
        seconds = self._gate.seconds(0 if isinstance(asked, (int, float)) and asked < 0 else asked)
        with refusing(call["id"]):
            box = self._running(call["id"])
            self._set_end(box, time.time() + seconds)
        await call.exchange.reply(204)

    async def _refresh(self, call: Call) -> None:
        """v1: a box lives for so many seconds from now, if that is longer than it would have."""
        duration = object_of(call.raw).get("duration", _DEFAULT_V1)
        seconds = min(self._gate.seconds(duration), _LONGEST_REFRESH)
        with refusing(call["id"]):
            box = self._running(call["id"])
            self._set_end(box, max(box.ends_at, time.time() + seconds))
        await call.exchange.reply(204)

    def _running(self, name: str) -> Box:
        box = self._life.find(name)
        if isinstance(box, Resting) or box.paused_at is not None:
            # As the hosted service has it: who is paused is not among those that run.
            raise NoSuchBox(": it is paused, and its time begins when it is resumed")
        return box

    def _set_end(self, box: Box, asked: float) -> None:
        self._boxes.set_end(box, self._gate.end(box.running_since, asked))

    # ------------------------------------------------------------- pausing and going on

    async def _pause(self, call: Call) -> None:
        asked = object_of(call.raw)
        memory = asked.get("memory") is not False
        with refusing(call["id"]):
            box = self._life.find(call["id"])
            if (not memory or asked.get("requireHealthyGuest") is True) and shown.state(box) == "running":
                await self._check_agent(box)
            await self._life.pause(call["id"], memory)
        await call.exchange.reply(204)

    async def _check_agent(self, box: Box | Resting) -> None:
        if isinstance(box, Box) and not await answers(box, _AGENT_SECONDS) and not box.ended.is_set():
            raise Refused(503, f"the agent of sandbox '{box.id}' does not answer: it was not paused, and goes on")

    async def _connect(self, call: Call) -> None:
        """A running box lives so long at least; a paused one goes on."""
        name, asked = call["id"], object_of(call.raw)
        named = asked.get("timeout")
        seconds = self._gate.seconds(_DEFAULT_V2 if named is None else named)
        with refusing(name):
            box = self._life.find(name)
            status = 200
            if shown.state(box) == "paused":
                box, status = await self._awake(name, seconds, asked.get("memory") is not False)
            elif isinstance(box, Box):
                self._set_end(box, max(box.ends_at, time.time() + seconds))
        assert isinstance(box, Box)  # noqa: S101 - a resting one was started
        await call.exchange.json(status, shown.sandbox(box, self._domain))

    async def _awake(self, name: str, seconds: float, memory: bool) -> tuple[Box, int]:
        try:
            return await self._life.resume(name, seconds, memory, self._gate.place), 201
        except WrongState:  # somebody else was faster
            return self._running(name), 200

    async def _resume(self, call: Call) -> None:
        """v1: only for a paused box."""
        asked = object_of(call.raw)
        seconds = self._gate.seconds(asked.get("timeout", _DEFAULT_V1))
        with refusing(call["id"]):
            if shown.state(self._life.find(call["id"])) == "running":
                raise WrongState(f"sandbox '{call['id']}' is already running")
            box = await self._life.resume(call["id"], seconds, asked.get("memory") is not False, self._gate.place)
        await call.exchange.json(201, shown.sandbox(box, self._domain))


def _rank(box: Box | Resting) -> tuple[float, str]:
    return box.started_at, box.id


def _labels(text: str) -> dict[str, str]:
    # The SDK quotes names and values, and then the whole as a form once more.
    return {unquote(key): unquote(value) for key, value in parse_qsl(text, keep_blank_values=True)}


def _matches(box: Box | Resting, labels: Mapping[str, str], template: str | None) -> bool:
    made_of = box.order.template if isinstance(box, Box) else box.template
    metadata = box.order.metadata if isinstance(box, Box) else box.metadata
    names = (made_of.id, *made_of.names)
    return labels.items() <= dict(metadata).items() and (not template or template.partition(":")[0] in names)


def _instant(text: str | None) -> float:
    if not text:
        return 0.0
    try:
        when = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as error:
        raise Refused(400, f"startedAfter is not a date: {text!r}") from error
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
