"""Routes of volumes: the four that make, list, show and destroy them, and those of their content, which open with a
volume's own token in place of the API key.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from runner.embedded.e2b.control.bodies import number, object_of
from runner.embedded.e2b.control.refusals import Refused
from runner.embedded.e2b.control.routing import Call, Handler, Route
from runner.embedded.e2b.folders.contents import Contents, Owner
from runner.embedded.e2b.folders.volumes import Volume, VolumeRefused, Volumes

_PIECE = 256 * 1024
_HIGHEST_ID = 2**16 - 1
_STATUS = {
    errno.ENOENT: 404, errno.ENOTDIR: 404, errno.EEXIST: 409, errno.ENOSPC: 507, errno.EDQUOT: 507,
    errno.EXDEV: 403, errno.ELOOP: 403, errno.EACCES: 403, errno.EPERM: 403,
}  # fmt: skip
Act = Callable[[Call, Contents], Awaitable[None]]


class VolumeRoutes:
    """The routes of volumes."""

    def __init__(self, volumes: Volumes) -> None:
        self._volumes = volumes
        self._contents: dict[str, Contents] = {}

    def routes(self) -> Iterator[Route]:
        """All of them."""
        yield Route("GET /volumes", self._list)
        yield Route("POST /volumes", self._create)
        yield Route("GET /volumes/{id}", self._detail)
        yield Route("DELETE /volumes/{id}", self._destroy)
        for pattern, act in (
            ("GET path", _show),
            ("PATCH path", _change),
            ("DELETE path", _remove),
            ("GET dir", _list_folder),
            ("POST dir", _make_folder),
            ("GET file", _read),
            ("PUT file", _write),
        ):
            method, _, kind = pattern.partition(" ")
            handler = self._within(act)
            yield Route(f"{method} /volumecontent/{{id}}/{kind}", handler, streams=act is _write, open=True)

    async def _list(self, call: Call) -> None:
        told = [{"volumeID": each.id, "name": each.name} for each in self._volumes.all()]
        await call.exchange.json(200, told)

    async def _create(self, call: Call) -> None:
        name = object_of(call.raw).get("name")
        if not isinstance(name, str):
            raise Refused(400, "name must be a text")
        try:
            made = self._volumes.create(name)
        except VolumeRefused as error:
            raise Refused(400, str(error)) from error
        await call.exchange.json(201, self._told(made))

    async def _detail(self, call: Call) -> None:
        await call.exchange.json(200, self._told(self._found(call)))

    async def _destroy(self, call: Call) -> None:
        volume = self._found(call)
        self._contents.pop(volume.id, None)
        await asyncio.to_thread(self._volumes.destroy, volume)
        await call.exchange.reply(204)

    def _told(self, volume: Volume) -> dict[str, Any]:
        return {"volumeID": volume.id, "name": volume.name, "token": self._volumes.token(volume)}

    def _found(self, call: Call) -> Volume:
        volume = self._volumes.get(call["id"])
        if volume is None:
            raise Refused(404, f"volume {call['id']} not found")
        return volume

    def _within(self, act: Act) -> Handler:
        async def handler(call: Call) -> None:
            volume = self._found(call)
            scheme, _, token = call.exchange.head.get("authorization").partition(" ")
            if scheme.lower() != "bearer" or not self._volumes.opens(volume, token):
                raise Refused(401, "the volume's token is missing or wrong")
            try:
                await act(call, self._contents.setdefault(volume.id, Contents(volume.folder, self._volumes.literal)))
            except OSError as error:
                if call.exchange.started:
                    raise
                path = call.exchange.head.query.get("path", "")
                raise Refused(_STATUS.get(error.errno or 0, 400), f"{path}: {_sentence(error)}") from error

        return handler


def _sentence(error: OSError) -> str:
    if error.errno in (errno.EXDEV, errno.ELOOP):
        return "a link on the way leads out of the volume"
    return error.strerror or type(error).__name__


def _path(call: Call) -> str:
    path = call.exchange.head.query.get("path", "")
    if not path:
        raise Refused(400, "path is missing")
    return path


def _owner(given: Mapping[str, Any]) -> Owner:
    """The owner and mode of a query or body."""
    bounds = {"uid": _HIGHEST_ID, "gid": _HIGHEST_ID, "mode": 0o7777}
    values = {name: number(str(given[name]), name, 0, high) for name, high in bounds.items() if name in given}
    return Owner(values.get("uid"), values.get("gid"), values.get("mode"))


async def _show(call: Call, contents: Contents) -> None:
    await call.exchange.json(200, await asyncio.to_thread(contents.entry, _path(call)))


async def _change(call: Call, contents: Contents) -> None:
    await asyncio.to_thread(contents.change, _path(call), _owner(object_of(call.raw)))
    await _show(call, contents)


async def _remove(call: Call, contents: Contents) -> None:
    await asyncio.to_thread(contents.remove, _path(call))
    await call.exchange.reply(204)


async def _list_folder(call: Call, contents: Contents) -> None:
    depth = number(call.exchange.head.query.get("depth", "1"), "depth", 1, 100)
    await call.exchange.json(200, await asyncio.to_thread(contents.listing, _path(call), depth))


async def _make_folder(call: Call, contents: Contents) -> None:
    query = call.exchange.head.query
    parents = query.get("force") == "true"
    await asyncio.to_thread(contents.make_folder, _path(call), _owner(query), parents=parents)
    await call.exchange.json(201, await asyncio.to_thread(contents.entry, _path(call)))


async def _read(call: Call, contents: Contents) -> None:
    fd = await asyncio.to_thread(contents.open, _path(call))
    with os.fdopen(fd, "rb", buffering=0) as file:
        left = os.fstat(fd).st_size
        fields = {"content-type": "application/octet-stream", "content-length": str(left)}
        await call.exchange.start(200, fields)
        while left:
            piece = await asyncio.to_thread(file.read, min(_PIECE, left))
            if not piece:
                call.exchange.abort()  # a box has cut the file short: no honest end is possible
                return
            left -= len(piece)
            await call.exchange.send(piece)


async def _write(call: Call, contents: Contents) -> None:
    """A file that is there is replaced, unless the client says `force=false`."""
    query, body, path = call.exchange.head.query, call.exchange.body, _path(call)
    replace = query.get("force", "true") != "false"
    length = call.exchange.head.get("content-length")
    await asyncio.to_thread(contents.check_room, int(length) if length.isdecimal() else 0)
    with contents.writing(path, _owner(query), replace=replace) as fd:
        while piece := await body.piece():
            if not length:
                await asyncio.to_thread(contents.check_room, len(piece))
            await asyncio.to_thread(_write_all, fd, piece)
    await call.exchange.json(201, await asyncio.to_thread(contents.entry, path))


def _write_all(fd: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(fd, view) :]
