"""Routes of templates' tags: which build a name with a tag means, now and before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from runner.embedded.e2b.building.catalog import Catalog
from runner.embedded.e2b.building.records import Assignment, Record
from runner.embedded.e2b.control.bodies import number, object_of
from runner.embedded.e2b.control.pages import page
from runner.embedded.e2b.control.refusals import Refused
from runner.embedded.e2b.control.routing import Call, Route
from runner.embedded.e2b.control.templates import refusing
from runner.embedded.e2b.templates import DEFAULT_TAG


class TagRoutes:
    """The routes of tags."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def routes(self) -> Iterator[Route]:
        """All of them."""
        yield Route("POST /templates/tags", self._assign)
        yield Route("DELETE /templates/tags", self._remove)
        yield Route("GET /templates/{id}/tags", self._list)
        yield Route("GET /templates/{id}/tags/count", self._count)
        yield Route("GET /templates/{id}/tags/exists", self._exists)
        yield Route("GET /templates/{id}/tags/groups", self._groups)
        yield Route("GET /templates/{id}/tags/{tag}/assignments", self._assignments)

    async def _assign(self, call: Call) -> None:
        body = object_of(call.raw)
        target = body.get("target")
        if not isinstance(target, str):
            raise Refused(400, "target must be a template's name, perhaps with :tag")
        names = _texts(body)
        with refusing():
            build, _ = self._catalog.assign(target, names)
        # As they were asked for: the SDK's users look for the whole names.
        await call.exchange.json(201, {"buildID": build.id, "tags": names})

    async def _remove(self, call: Call) -> None:
        body = object_of(call.raw)
        name, tags = body.get("name"), _texts(body)
        if not isinstance(name, str):
            raise Refused(400, "name must be a template's name")
        if any(each.rpartition(":")[2] == DEFAULT_TAG for each in tags):
            raise Refused(400, f"the tag '{DEFAULT_TAG}' cannot be deleted: it is what the bare name means")
        with refusing():
            self._catalog.unassign(name, tags)
        await call.exchange.reply(204)

    async def _list(self, call: Call) -> None:
        tags = self._record(call).tags()
        told = [{"tag": each.tag, "buildID": each.build, "createdAt": _rfc3339(each.at)} for each in tags.values()]
        await call.exchange.json(200, told)

    async def _count(self, call: Call) -> None:
        await call.exchange.json(200, {"total": len(self._record(call).tags())})

    async def _exists(self, call: Call) -> None:
        tag = call.exchange.head.query.get("tag", "").lower()
        await call.exchange.json(200, {"exists": tag in self._record(call).tags(), "normalizedTag": tag})

    async def _assignments(self, call: Call) -> None:
        record = self._record(call)
        query = {**call.exchange.head.query, "nextToken": call.exchange.head.query.get("cursor", "")}
        found = sorted((each for each in record.assigned if each.tag == call["tag"]), key=_rank, reverse=True)
        items, fields = page(found, _rank, query, newest_first=True)
        told = [_event(record, each) for each in items]
        await call.exchange.json(200, {"data": told, "nextCursor": fields.get("x-next-token")})

    async def _groups(self, call: Call) -> None:
        record, query = self._record(call), call.exchange.head.query
        most = number(query.get("assignmentLimit", "10"), "assignmentLimit", 0, 100)
        paging = {"limit": query.get("tagsLimit", "100"), "nextToken": query.get("tagsCursor", "")}
        tags = [each for each in sorted(record.tags()) if query.get("search", "").lower() in each]
        items, fields = page(tags, lambda tag: (0.0, tag), paging, newest_first=False)
        told = [_group(record, tag, most) for tag in items]
        await call.exchange.json(200, {"tags": told, "nextCursor": fields.get("x-next-token")})

    def _record(self, call: Call) -> Record:
        with refusing():
            return self._catalog.get(call["id"])


def _group(record: Record, tag: str, most: int) -> dict[str, Any]:
    found = [each for each in reversed(record.assigned) if each.tag == tag]
    told = [_event(record, each) for each in found[:most]]
    return {"tag": tag, "assignments": told, "hasMore": len(found) > most}


def _event(record: Record, event: Assignment) -> dict[str, Any]:
    build = record.builds[event.build]
    return {
        "assignmentID": event.id,
        "buildID": event.build,
        "assignedAt": _rfc3339(event.at),
        "buildCreatedAt": _rfc3339(build.created_at),
        "buildFinishedAt": None if build.finished_at is None else _rfc3339(build.finished_at),
    }


def _rank(assignment: Assignment) -> tuple[float, str]:
    return assignment.at, assignment.id


def _texts(body: dict[str, Any]) -> list[str]:
    tags = body.get("tags")
    if not isinstance(tags, list) or not tags or not all(isinstance(each, str) for each in tags):
        raise Refused(400, "tags must be a list of texts, at least one")
    return tags


def _rfc3339(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).isoformat()
