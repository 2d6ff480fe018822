"""Routes of templates: asked for, built, shown, listed, deleted, in the forms of all versions that SDKs use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from runner.embedded.e2b.boxes.life import Life
from runner.embedded.e2b.building.builds import Builder
from runner.embedded.e2b.building.catalog import Catalog, NameRefused, NotThere, Wish
from runner.embedded.e2b.building.records import FAILED, READY, WAITING, Build, Line, Record
from runner.embedded.e2b.control.bodies import number, object_of
from runner.embedded.e2b.control.pages import page
from runner.embedded.e2b.control.refusals import Refused
from runner.embedded.e2b.control.routing import Call, Route
from runner.embedded.e2b.control.shown import ENVD_VERSION
from runner.embedded.e2b.templates import CPU_COUNT, DISK_MB, Template

#: What a template gets whose builder names no memory, and what it may get (MiB, processors): the hosted service's.
_MEMORY_MB = 1024
_LEAST_MEMORY_MB, _MOST_MEMORY_MB, _MOST_CPUS, _MOST_DISK_MB = 128, 8 * 1024, 8, 100 * 1024
#: Lines of a log that one answer holds.
_LINES = 100
_LEVELS = ("debug", "info", "warn", "error")
_BEGINNING = datetime.fromtimestamp(0, UTC).isoformat()
#: The build of a template that nobody has built.
_NO_BUILD = "00000000-0000-0000-0000-000000000000"


@contextmanager
def refusing() -> Iterator[None]:
    """Answer with 404 what is not there, with 400 what cannot be named so."""
    try:
        yield
    except NotThere as error:
        raise Refused(404, str(error)) from error
    except NameRefused as error:
        raise Refused(400, str(error)) from error


class TemplateRoutes:
    """The routes of templates and their builds."""

    def __init__(self, catalog: Catalog, builder: Builder, life: Life) -> None:
        """`life` has the snapshots, which are templates too."""
        self._catalog = catalog
        self._builder = builder
        self._life = life

    def routes(self) -> Iterator[Route]:
        """All of them."""
        yield Route("POST /v3/templates", self._request)
        yield Route("POST /v2/templates", self._request)
        yield Route("POST /v2/templates/{id}/builds/{build}", self._start)
        yield Route("GET /templates/{id}/builds/{build}/status", self._status)
        yield Route("GET /templates/{id}/builds/{build}/logs", self._logs)
        yield Route("GET /templates/aliases/{id}", self._alias)
        yield Route("GET /default-templates", self._defaults)
        yield Route("GET /templates", self._list)
        yield Route("GET /v2/templates", self._list_pages)
        yield Route("GET /templates/{id}", self._detail)
        yield Route("DELETE /templates/{id}", self._delete)
        yield Route("PATCH /templates/{id}", self._update)
        yield Route("PATCH /v2/templates/{id}", self._update)

    # ------------------------------------------------------------- building

    async def _request(self, call: Call) -> None:
        with refusing():
            record, build = self._catalog.request(_wish(object_of(call.raw)))
        told = {"templateID": record.id, "buildID": build.id, "public": record.public, "tags": list(build.tags)}
        await call.exchange.json(202, {**told, "names": list(record.names), "aliases": list(record.names)})

    async def _start(self, call: Call) -> None:
        record, build = self._build(call)
        if build.status != WAITING:
            raise Refused(400, f"build '{build.id}' was started already: it is {build.status}")
        self._builder.start(record, build, object_of(call.raw))
        await call.exchange.reply(202)

    async def _status(self, call: Call) -> None:
        _, build = self._build(call)
        query = call.exchange.head.query
        offset = number(query.get("logsOffset", "0"), "logsOffset", 0, 2**31)
        limit = number(query.get("limit", str(_LINES)), "limit", 0, _LINES)
        lines = [each for each in build.lines if _loud(each, query)][offset : offset + limit]
        told: dict[str, Any] = {
            "templateID": build.template,
            "buildID": build.id,
            "status": build.status,
            "logs": [],
            "logEntries": [_line(each) for each in lines],
        }
        if build.status == FAILED:
            related = [_line(each) for each in build.lines if build.step and each.step == build.step]
            told["reason"] = {"message": build.reason, "logEntries": related[-_LINES:]}
            if build.step:
                told["reason"]["step"] = build.step
        await call.exchange.json(200, told)

    async def _logs(self, call: Call) -> None:
        """`cursor` is a time in milliseconds, from which lines are told forward or backward."""
        _, build = self._build(call)
        query = call.exchange.head.query
        limit = number(query.get("limit", str(_LINES)), "limit", 0, _LINES)
        backward = query.get("direction") == "backward"
        cursor = number(query.get("cursor", str(2**53 if backward else 0)), "cursor", 0, 2**53) / 1000
        lines = [each for each in build.lines if _loud(each, query)]
        if backward:
            lines = [each for each in reversed(lines) if each.at <= cursor]
        else:
            lines = [each for each in lines if each.at >= cursor]
        await call.exchange.json(200, {"logs": [_line(each) for each in lines[:limit]]})

    def _build(self, call: Call) -> tuple[Record, Build]:
        with refusing():
            return self._catalog.build(call["id"], call["build"])

    # ------------------------------------------------------------- looking

    async def _alias(self, call: Call) -> None:
        builtin = self._catalog.templates.is_builtin(call["id"])
        record = self._catalog.find(call["id"])
        snapshot = self._life.snapshots.named(call["id"])
        found = self._catalog.templates.find(call["id"]) if builtin else record or snapshot
        if found is None:
            raise Refused(404, f"template '{call['id']}' not found")
        await call.exchange.json(
            200, {"templateID": found.id, "public": builtin or (record is not None and record.public)}
        )

    async def _list(self, call: Call) -> None:
        await call.exchange.json(200, [_told(each) for each in self._catalog.all()])

    async def _list_pages(self, call: Call) -> None:
        """The platform's own templates come last, as they are older than everybody's."""
        own = [(each.created_at, each.id, _told(each)) for each in reversed(self._catalog.all())]
        platform = [(0.0, str(each["templateID"]), each) for each in reversed(self._platform())]
        rows, query = [*own, *platform], call.exchange.head.query
        found, fields = page(rows, lambda row: (row[0], row[1]), query, newest_first=True)
        await call.exchange.json(200, [told for _, _, told in found], fields)

    async def _defaults(self, call: Call) -> None:
        await call.exchange.json(200, self._platform())

    def _platform(self) -> list[dict[str, Any]]:
        return [_default(each) for each in self._catalog.templates.builtin()]

    async def _detail(self, call: Call) -> None:
        name = call["id"]
        if self._catalog.templates.is_builtin(name):
            found = self._catalog.templates.find(name)
            assert found is not None  # noqa: S101 - built in
            await call.exchange.json(200, {**_default(found), "builds": []})
            return
        with refusing():
            record = self._catalog.get(name)
        builds = sorted(record.builds.values(), key=_rank, reverse=True)
        items, fields = page(builds, _rank, call.exchange.head.query, newest_first=True)
        await call.exchange.json(200, {**_told(record), "builds": [_build(each) for each in items]}, fields)

    # ------------------------------------------------------------- changing

    async def _update(self, call: Call) -> None:
        with refusing():
            record = self._catalog.get(call["id"])
        public = object_of(call.raw).get("public", record.public)
        if not isinstance(public, bool):
            raise Refused(400, f"public must be true or false, not {public!r}")
        record.public = public
        self._catalog.save()
        told = {"names": list(record.names)} if call.exchange.head.path.startswith("/v2") else {}
        await call.exchange.json(200, told)

    async def _delete(self, call: Call) -> None:
        """Forget a template with its builds, the running ones ended, or a snapshot."""
        name = call["id"]
        if self._catalog.templates.is_builtin(name):
            raise Refused(403, f"template '{name}' is built in")
        record = self._catalog.find(name)
        if record is not None:
            self._catalog.delete(record)  # from now on no build of it begins
            await self._builder.cancel(record)
            await self._builder.sweep()
        elif not await self._life.forget(name):
            raise Refused(404, f"template '{name}' not found")
        await call.exchange.reply(204)


def _wish(body: Mapping[str, Any]) -> Wish:
    name = body.get("name") or body.get("alias")
    if not isinstance(name, str):
        raise Refused(400, "name is missing")
    tags = body.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(each, str) for each in tags):
        raise Refused(400, "tags must be a list of texts")
    memory = _size(body, "memoryMB", _MEMORY_MB, _LEAST_MEMORY_MB, _MOST_MEMORY_MB)
    if memory % 2:
        raise Refused(400, f"memoryMB must be an even number, not {memory}")
    return Wish(
        name=name,
        tags=tuple(tags),
        cpu=_size(body, "cpuCount", CPU_COUNT, 1, _MOST_CPUS),
        memory_mb=memory,
        disk_mb=DISK_MB + _size(body, "minFreeDiskMB", 0, 0, _MOST_DISK_MB),
    )


def _size(body: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Refused(400, f"{name} must be a number from {low} to {high}, not {value!r}")
    return value


def _rank(build: Build) -> tuple[float, str]:
    return build.created_at, build.id


def _loud(line: Line, query: Mapping[str, str]) -> bool:
    level = query.get("level", _LEVELS[0])
    if level not in _LEVELS:
        raise Refused(400, f"level must be one of {', '.join(_LEVELS)}, not {level!r}")
    return _LEVELS.index(line.level) >= _LEVELS.index(level)


def _line(line: Line) -> dict[str, Any]:
    told = {"timestamp": _rfc3339(line.at), "message": line.message, "level": line.level}
    return {**told, "step": line.step} if line.step else told


def _told(record: Record) -> dict[str, Any]:
    build = record.last()
    return {
        "templateID": record.id,
        "buildID": build.id,
        "cpuCount": build.cpu,
        "memoryMB": build.memory_mb,
        "diskSizeMB": build.disk_mb,
        "public": record.public,
        "aliases": list(record.names),
        "names": list(record.names),
        "createdAt": _rfc3339(record.created_at),
        "updatedAt": _rfc3339(record.updated_at),
        "createdBy": None,
        "lastSpawnedAt": None if record.spawned_at is None else _rfc3339(record.spawned_at),
        "spawnCount": record.spawned,
        "buildCount": len(record.builds),
        "envdVersion": ENVD_VERSION,
        "buildStatus": build.status,
        "isDefault": False,
    }


def _default(template: Template) -> dict[str, Any]:
    return {
        "templateID": template.id,
        "buildID": template.build or _NO_BUILD,
        "cpuCount": template.cpu,
        "memoryMB": template.memory_mb,
        "diskSizeMB": template.disk_mb,
        "public": True,
        "aliases": list(template.names),
        "names": list(template.names),
        "createdAt": _BEGINNING,
        "updatedAt": _BEGINNING,
        "createdBy": None,
        "lastSpawnedAt": None,
        "spawnCount": 0,
        "buildCount": 0,
        "envdVersion": ENVD_VERSION,
        "buildStatus": READY,
        "isDefault": True,
    }


def _build(build: Build) -> dict[str, Any]:
    told = {
        "buildID": build.id,
        "status": build.status,
        "createdAt": _rfc3339(build.created_at),
        "updatedAt": _rfc3339(build.finished_at or build.created_at),
        "cpuCount": build.cpu,
        "memoryMB": build.memory_mb,
        "diskSizeMB": build.disk_mb,
        "envdVersion": ENVD_VERSION,
    }
    return told if build.finished_at is None else {**told, "finishedAt": _rfc3339(build.finished_at)}


def _rfc3339(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).isoformat()
