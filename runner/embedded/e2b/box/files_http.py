"""`POST /files`: files come in over plain HTTP, as one octet stream or as a multipart form, plain or as gzip.

As with the vendor's agent, a file is written in its place, not beside it and moved: who watches it sees CREATE, CHMOD
(it is given to its user) and WRITE, and an upload cut short leaves what has come.
"""

from __future__ import annotations

import errno
import os
import stat
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

from . import users
from .connect import CallError
from .filesystem_rpc import write_metadata
from .forms import FormError, parts
from .http1 import Exchange

_META_HEADER = "x-metadata-"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: Bytes that are unpacked at a time: a few of gzip may stand for very many.
_UNPACKED = 1024 * 1024


class FileRefused(Exception):
    """A transfer that cannot be; `status` is what HTTP says of it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def requested(exchange: Exchange) -> tuple[users.User, str]:
    """Who asks for a transfer, and the path in the query, empty for none. Raises FileRefused."""
    query = exchange.head.query
    try:
        user = users.acting(exchange.head.get("authorization"), query.get("username", ""))
    except CallError as error:
        raise FileRefused(401, error.message) from error
    return user, query.get("path", "")


def resolved(path: str, user: users.User) -> str:
    """A path as this user means it. Raises FileRefused."""
    try:
        return users.resolve(path, user)
    except CallError as error:
        raise FileRefused(400, error.message) from error


async def upload(exchange: Exchange) -> None:
    """Write what is sent and answer with the list of files written. Raises FileRefused.

    The body is read to its end even when it cannot be written, so that the client reads our answer.
    """
    try:
        written = await _written(exchange)
    except FormError as error:
        await exchange.body.drain()
        raise FileRefused(400, str(error)) from error
    except FileRefused:
        await exchange.body.drain()
        raise
    await exchange.json(200, written)


async def _written(exchange: Exchange) -> list[dict[str, object]]:
    head = exchange.head
    metadata = {key.lower()[len(_META_HEADER) :]: value for key, value in head.fields if _is_meta(key)}
    user, path = requested(exchange)
    kind = head.get("content-type")
    if not kind.lower().startswith("multipart/form-data"):
        if not path:
            raise FileRefused(400, "path is missing")
        return [await _store(resolved(path, user), _content(exchange), metadata, user)]
    written: list[dict[str, object]] = []
    async for name, content in parts(_content(exchange), kind):
        if not path and not name:
            raise FileRefused(400, "path is missing, and so is the file's name in the form")
        target = resolved(path or name, user)
        if any(each["path"] == target for each in written):
            raise FileRefused(400, f"two files of one upload cannot both be {target!r}")
        written.append(await _store(target, content, metadata, user))
    if not written:
        raise FileRefused(400, "the form holds no file")
    return written


def _is_meta(name: str) -> bool:
    return name.lower().startswith(_META_HEADER)


async def _content(exchange: Exchange) -> AsyncIterator[bytes]:
    coding = exchange.head.get("content-encoding").partition(";")[0].strip().lower()
    if coding not in ("", "identity", "gzip"):
        raise FileRefused(400, f"content encoding {coding!r} is not known; send gzip or none")
    unzip = zlib.decompressobj(31) if coding == "gzip" else None
    while piece := await exchange.body.piece():
        if unzip is None:
            yield piece
            continue
        while piece:
            try:
                yield unzip.decompress(piece, _UNPACKED)
            except zlib.error as error:
                raise FileRefused(400, "the body is not gzip") from error
            piece = unzip.unconsumed_tail
    if unzip and not unzip.eof:
        raise FileRefused(400, "the body's gzip ends too early")


async def _store(
    path: str, content: AsyncIterator[bytes], metadata: dict[str, str], user: users.User
) -> dict[str, object]:
    try:
        fd = _open(path, user)
        with os.fdopen(fd, "wb", buffering=0):
            async for piece in content:
                view = memoryview(piece)
                while view:
                    view = view[os.write(fd, view) :]
            with users.working_as(user):
                write_metadata(fd, metadata)
    except OSError as error:
        raise refused(path, error) from error
    told: dict[str, object] = {"name": Path(path).name, "type": "file", "path": path}
    return {**told, "metadata": metadata} if metadata else told


def _open(path: str, user: users.User) -> int:
    with users.working_as(user):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NONBLOCK, 0o666)
        try:
            if not stat.S_ISDIR(os.fstat(fd).st_mode):
                os.fchown(fd, user.uid, user.gid)
        except PermissionError:
            pass  # it stays another's who lets this user write to it
        except BaseException:
            os.close(fd)
            raise
    return fd


def refused(path: str, error: OSError) -> FileRefused:
    """What to answer when a file cannot be read or written."""
    if isinstance(error, FileNotFoundError):
        return FileRefused(404, f"path '{path}' does not exist")
    if isinstance(error, IsADirectoryError):
        return FileRefused(400, f"path '{path}' is a directory")
    if isinstance(error, (NotADirectoryError, FileExistsError)):
        return FileRefused(400, f"path '{path}': a part of it is not a directory")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return FileRefused(403, f"permission denied: '{path}'")
    if error.errno in _FULL:
        return FileRefused(507, f"not enough disk space available for '{path}'")
    return FileRefused(500, f"path '{path}': {os.strerror(error.errno or 0)}")
