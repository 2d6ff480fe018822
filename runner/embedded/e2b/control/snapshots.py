"""Routes of snapshots: taking, listing, deleting."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.embedded.e2b.boxes.kept import Snapshot
from runner.embedded.e2b.boxes.life import Life, NoSuchBox, WrongState
from runner.embedded.e2b.boxes.snapshots import full_name
from runner.embedded.e2b.control.bodies import object_of
from runner.embedded.e2b.control.pages import page
from runner.embedded.e2b.control.refusals import Refused
from runner.embedded.e2b.control.routing import Call, Route
from runner.embedded.e2b.control.sandboxes import refusing
from runner.embedded.e2b.templates import DEFAULT_TAG, Templates

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,126}[A-Za-z0-9])?(?::[A-Za-z0-9_.-]{1,128})?")


class SnapshotRoutes:
    """The routes of snapshots."""

    def __init__(self, life: Life, templates: Templates) -> None:
        self._life = life
        self._templates = templates

    def routes(self) -> Iterator[Route]:
        """All of them. A snapshot is a template, and is deleted as one (`TemplateRoutes`)."""
        for version in ("", "/v2"):
            yield Route(f"POST {version}/sandboxes/{{id}}/snapshots", self._take)
        yield Route("GET /snapshots", self._list)

    async def _take(self, call: Call) -> None:
        name = object_of(call.raw).get("name") or ""
        if not isinstance(name, str) or (name and not _NAME.fullmatch(name)):
            what = "letters (they become small), digits, _ and - can, then perhaps a :tag"
            raise Refused(400, f"a snapshot cannot be named {name!r}: {what}")
        label, _, tag = name.lower().partition(":")
        if label and self._templates.find(label) is not None:
            raise Refused(400, f"{label!r} is a template's name already")
        with refusing(call["id"]):
            try:
                taken = await self._life.snapshot(call["id"], label, tag or DEFAULT_TAG)
            except WrongState as error:  # as the hosted service has it: who is paused is not among those that run
                raise NoSuchBox(f": {error}") from error
        await call.exchange.json(201, _info(taken))

    async def _list(self, call: Call) -> None:
        """The newest first."""
        query = call.exchange.head.query
        source, label = query.get("sandboxID"), query.get("name", "")
        found = [
            each
            for each in sorted(self._life.snapshots, key=_rank, reverse=True)
            if (not source or each.source == source) and (not label or _named(each, label))
        ]
        items, fields = page(found, _rank, query, newest_first=True)
        await call.exchange.json(200, [_info(each) for each in items], fields)


def _rank(snapshot: Snapshot) -> tuple[float, str]:
    return snapshot.taken_at, full_name(snapshot)


def _named(snapshot: Snapshot, label: str) -> bool:
    plain, _, tag = label.lower().partition(":")
    return plain in (snapshot.template.id, *snapshot.template.names) and tag in ("", snapshot.tag)


def _info(snapshot: Snapshot) -> dict[str, object]:
    names = [f"{name}:{snapshot.tag}" for name in snapshot.template.names]
    return {"snapshotID": full_name(snapshot), "names": names}
