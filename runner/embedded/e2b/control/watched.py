"""Routes that tell what boxes use and say: metrics and logs, in the v1 and v2 forms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runner.embedded.e2b.boxes.box import Box
from runner.embedded.e2b.boxes.boxes import Boxes
from runner.embedded.e2b.boxes.boxlog import LEVELS, BoxLog, Entry
from runner.embedded.e2b.boxes.endings import rfc3339
from runner.embedded.e2b.boxes.life import Life
from runner.embedded.e2b.control.bodies import number
from runner.embedded.e2b.control.refusals import Refused
from runner.embedded.e2b.control.routing import Call, Route
from runner.embedded.e2b.control.sandboxes import refusing

_FAR = 2**53
_MOST_LOGS = 1_000
#: Boxes that one request for metrics may name.
_MOST_BOXES = 100


class Watched:
    """The routes of metrics and logs."""

    def __init__(self, boxes: Boxes, life: Life) -> None:
        self._boxes = boxes
        self._life = life
        self._metrics = life.metrics

    def routes(self) -> Iterator[Route]:
        """All of them. `/sandboxes/metrics` must come before the routes of one box."""
        for version in ("", "/v2"):
            yield Route(f"GET {version}/sandboxes/metrics", self._of_many)
            yield Route(f"GET {version}/sandboxes/{{id}}/metrics", self._of_one)
        yield Route("GET /sandboxes/{id}/logs", self._logs_v1)
        yield Route("GET /v2/sandboxes/{id}/logs", self._logs_v2)

    # ------------------------------------------------------------- metrics

    async def _of_one(self, call: Call) -> None:
        query = call.exchange.head.query
        start = number(query.get("start", "0"), "start", 0, _FAR)
        end = number(query.get("end", str(_FAR)), "end", 0, _FAR)
        if start > end:
            raise Refused(400, f"start ({start}) cannot be after end ({end})")
        with refusing(call["id"]):
            box = self._life.find(call["id"])
        samples = await self._metrics.of(box) if isinstance(box, Box) else []
        found = [each.shown(box) for each in samples if isinstance(box, Box) and start <= int(each.when) <= end]
        await call.exchange.json(200, found)

    async def _of_many(self, call: Call) -> None:
        names = [name for name in call.exchange.head.query.get("sandbox_ids", "").split(",") if name]
        if not 1 <= len(names) <= _MOST_BOXES:
            raise Refused(400, f"sandbox_ids must name 1 to {_MOST_BOXES} sandboxes, not {len(names)}")
        found: dict[str, Any] = {}
        for name in names:
            box = self._boxes.get(name)
            samples = await self._metrics.of(box) if box is not None else []
            if box is not None and samples:
                found[name] = samples[-1].shown(box)
        await call.exchange.json(200, {"sandboxes": found})

    # ------------------------------------------------------------- logs

    def _log(self, name: str) -> BoxLog:
        ending = self._boxes.endings.find(name)
        box = self._boxes.get(name)
        if box is None and ending is not None:
            return ending.log
        with refusing(name):
            found = self._life.find(name)
        return found.log if isinstance(found, Box) else BoxLog()

    async def _logs_v1(self, call: Call) -> None:
        """From the oldest on; `start` is a Unix time in milliseconds."""
        query = call.exchange.head.query
        start = number(query.get("start", "0"), "start", 0, _FAR) / 1000
        limit = number(query.get("limit", str(_MOST_LOGS)), "limit", 0, _MOST_LOGS)
        entries = [each for each in self._log(call["id"]) if each.when >= start][:limit]
        lines = [{"timestamp": rfc3339(each.when), "line": each.message} for each in entries]
        await call.exchange.json(200, {"logs": lines, "logEntries": [_shown(each) for each in entries]})

    async def _logs_v2(self, call: Call) -> None:
        """`cursor` is a Unix time in milliseconds, from which on (or back to the past) entries are given."""
        query = call.exchange.head.query
        backward = _choice(query, "direction", ("forward", "backward")) == "backward"
        cursor = number(query.get("cursor", str(_FAR if backward else 0)), "cursor", 0, _FAR) / 1000
        limit = number(query.get("limit", str(_MOST_LOGS)), "limit", 0, _MOST_LOGS)
        lowest = LEVELS.index(_choice(query, "level", LEVELS))
        entries: Iterable[Entry] = self._log(call["id"])
        found = [
            each
            for each in entries
            if (each.when <= cursor if backward else each.when >= cursor)
            and LEVELS.index(each.level) >= lowest
            and query.get("search", "") in each.message
        ]
        if backward:
            found.reverse()
        await call.exchange.json(200, {"logs": [_shown(each) for each in found[:limit]]})


def _choice(query: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = query.get(name) or allowed[0]
    if value not in allowed:
        raise Refused(400, f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return value


def _shown(entry: Entry) -> dict[str, Any]:
    return {
        "timestamp": rfc3339(entry.when),
        "level": entry.level,
        "message": entry.message,
        "fields": dict(entry.fields),
    }
