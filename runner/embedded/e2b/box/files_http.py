"""`GET /files` and `POST /files`: whole files over plain HTTP, as one octet stream or as a multipart form."""

from __future__ import annotations

import errno
import os
import re
import stat
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote

from . import users
from .filesystem_rpc import write_metadata
from .http1 import Exchange, ProtocolError

_PIECE = 256 * 1024
_META_HEADER = "x-metadata-"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FileRefused(Exception):
    """A transfer that cannot be; `status` is what HTTP says of it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


async def download(exchange: Exchange) -> None:
    """Answer with a file's bytes. Raises FileRefused."""
    query = exchange.head.query
    users.check(exchange.head.get("authorization"), query.get("username", ""))
    path = users.resolve(query.get("path", ""))
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _refused(path, error) from error
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        os.close(fd)
        kind = "a directory" if stat.S_ISDIR(info.st_mode) else "not a regular file"
        raise FileRefused(400, f"path '{path}' is {kind}")
    with os.fdopen(fd, "rb", buffering=0) as file:
        fields = {"content-type": "application/octet-stream"}
        piece = file.read(_PIECE)
        if len(piece) < _PIECE:
            await exchange.reply(200, piece, fields)  # also right for /proc, whose files say that they are empty
            return
        left = max(info.st_size, len(piece))
        await exchange.start(200, {**fields, "content-length": str(left)})
        while left:
            await exchange.send(piece[:left])
            left -= min(left, len(piece))
            piece = file.read(_PIECE)
            if left and not piece:
                exchange.abort()  # the file has shrunk under us: no honest end is possible
                return


async def upload(exchange: Exchange) -> None:
    """Write what is sent and answer with the list of files written. Raises FileRefused.

    The body is read to its end even when it cannot be written, so that the client reads our answer.
    """
    head = exchange.head
    query = head.query
    users.check(head.get("authorization"), query.get("username", ""))
    metadata = {key.lower()[len(_META_HEADER) :]: value for key, value in head.fields if _is_meta(key)}
    kind = head.get("content-type")
    try:
        if kind.lower().startswith("multipart/form-data"):
            written = [
                await _store(name, content, metadata)
                async for name, content in _parts(exchange, kind, query.get("path"))
            ]
        else:
            written = [await _store(query.get("path", ""), _content(exchange), metadata)]
    except FileRefused:
        await exchange.body.drain()
        raise
    if not written:
        raise FileRefused(400, "the form holds no file")
    await exchange.json(200, written)


def _is_meta(name: str) -> bool:
    return name.lower().startswith(_META_HEADER)


async def _content(exchange: Exchange) -> AsyncIterator[bytes]:
    coding = exchange.head.get("content-encoding").lower()
    if coding not in ("", "identity", "gzip"):
        raise FileRefused(400, f"content encoding {coding!r} is not known; send gzip or none")
    unzip = zlib.decompressobj(31) if coding == "gzip" else None
    while piece := await exchange.body.piece():
        try:
            yield unzip.decompress(piece) if unzip else piece
        except zlib.error as error:
            raise FileRefused(400, "the body is not gzip") from error
    if unzip:
        yield unzip.flush()


async def _store(path: str, content: AsyncIterator[bytes], metadata: dict[str, str]) -> dict[str, object]:
    if not path:
        raise FileRefused(400, "path is missing")
    path = users.resolve(path)
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NONBLOCK, 0o666)
        with os.fdopen(fd, "wb", buffering=0) as file:
            async for piece in content:
                view = memoryview(piece)
                while view:
                    view = view[os.write(file.fileno(), view) :]
            write_metadata(fd, metadata)
    except OSError as error:
        raise _refused(path, error) from error
    told: dict[str, object] = {"name": Path(path).name, "type": "file", "path": path}
    return {**told, "metadata": metadata} if metadata else told


def _refused(path: str, error: OSError) -> FileRefused:
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


# ------------------------------------------------------------- multipart/form-data (RFC 7578)


async def _parts(exchange: Exchange, kind: str, only: str | None) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
    """The files of a form, each with its path: the query's for a single one, else its `filename`."""
    found = re.search(r'boundary="?([^";,]+)"?', kind)
    if not found:
        raise FileRefused(400, "the form has no boundary")
    form = _Form(exchange, b"\r\n--" + found[1].encode("latin-1"))
    while (head := await form.next_head()) is not None:
        name = _filename(head)
        if name is not None:
            yield only or name, form.content()
        await form.skip()


def _filename(head: bytes) -> str | None:
    text = head.decode("utf-8", "surrogateescape")
    extended = re.search(r"filename\*=(?:UTF-8|utf-8)''([^;\r\n]+)", text)
    if extended:
        return unquote(extended[1])
    plain = re.search(r'filename="((?:[^"\\]|\\.)*)"', text)
    if plain is None:
        return None
    # The form encoding of the HTML standard, which httpx follows: only these three are escaped.
    return plain[1].replace("%22", '"').replace("%0A", "\n").replace("%0D", "\r").replace("\\\\", "\\")


class _Form:
    """Reads a form piece by piece, however the boundaries fall."""

    def __init__(self, exchange: Exchange, boundary: bytes) -> None:
        self._body = exchange.body
        self._boundary = boundary
        self._held = b"\r\n"  # so that the first boundary looks like all others
        self._inside = True
        self._over = False

    async def next_head(self) -> bytes | None:
        """The header of the next part, None after the last."""
        await self.skip()
        while len(self._held) < 2:
            await self._more()
        if self._held.startswith(b"--"):
            await self._body.drain()
            return None
        while (end := self._held.find(b"\r\n\r\n")) < 0:
            if len(self._held) > 64 * 1024:
                raise FileRefused(400, "a part's header is too long")
            await self._more()
        head, self._held = self._held[:end], self._held[end + 4 :]
        self._inside = True
        return head

    async def content(self) -> AsyncIterator[bytes]:
        """The bytes of the part that was begun, up to its boundary."""
        while self._inside:
            at = self._held.find(self._boundary)
            if at >= 0:
                piece, self._held = self._held[:at], self._held[at + len(self._boundary) :]
                self._inside = False
            else:
                keep = len(self._boundary) - 1
                piece, self._held = self._held[:-keep], self._held[-keep:]
            if piece:
                yield piece
            if self._inside:
                await self._more()

    async def skip(self) -> None:
        """Pass over what is left of the part."""
        async for _ in self.content():
            pass

    async def _more(self) -> None:
        piece = await self._body.piece()
        if not piece:
            raise ProtocolError("the form ended before its last boundary")
        self._held += piece
