"""`GET /files`: a file goes out over plain HTTP, whole or in part, plain or as gzip."""

from __future__ import annotations

import os
import re
import stat
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from . import users
from .files_http import FileRefused, refused, requested, resolved
from .http1 import Exchange, Head

_PIECE = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
#: Of what a browser shows by itself; all else is taken for bytes.
_KINDS = {
    ".css": "text/css", ".csv": "text/csv", ".gif": "image/gif", ".htm": "text/html", ".html": "text/html",
    ".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".js": "text/javascript", ".json": "application/json",
    ".md": "text/markdown", ".mp4": "video/mp4", ".pdf": "application/pdf", ".png": "image/png",
    ".svg": "image/svg+xml", ".txt": "text/plain", ".wasm": "application/wasm", ".webp": "image/webp",
    ".xml": "text/xml", ".zip": "application/zip",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Part:
    """Which bytes of a file are wanted: the first one, how many, and what the status line says of it."""

    start: int
    length: int
    status: int = 200


async def download(exchange: Exchange) -> None:
    """Answer with a file's bytes. Raises FileRefused."""
    user, asked = requested(exchange)
    path = resolved(asked, user)
    fd = _open(path, user)
    with os.fdopen(fd, "rb", buffering=0):
        info = os.fstat(fd)
        fields = {
            "content-type": _KINDS.get(Path(path).suffix.lower(), "application/octet-stream"),
            "content-disposition": f"inline; filename*=utf-8''{quote(Path(path).name)}",
            "last-modified": http_date(info.st_mtime),
            "vary": "Accept-Encoding",
        }
        if exchange.head.get("if-modified-since") == fields["last-modified"] and not exchange.head.get("range"):
            await exchange.reply(304, b"", fields)
        elif zipped(exchange.head):
            await _send_zipped(exchange, fd, fields)
        elif not info.st_size:
            await _send_unsized(exchange, fd, fields)
        else:
            await _send(exchange, fd, _wanted(exchange.head, info), {**fields, "accept-ranges": "bytes"})


def _open(path: str, user: users.User) -> int:
    try:
        with users.working_as(user):
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise refused(path, error) from error
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode):
        os.close(fd)
        kind = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
        raise FileRefused(400, f"path '{path}' is {kind}")
    return fd


def zipped(head: Head) -> bool:
    """Whether to send gzip: when the client names it alone, as the SDK does when it is told to.

    To pack costs more time than loopback, so a client that merely takes it too (every browser) gets plain bytes. A
    part of a file is never packed.
    """
    accepted = {token.partition(";")[0].strip() for token in head.tokens("accept-encoding")}
    return accepted == {"gzip"} and not head.get("range")


def http_date(when: float) -> str:
    """A Unix time as HTTP writes it (RFC 9110, 5.6.7); box processes have the language C, so names are English."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(when))


def _wanted(head: Head, info: os.stat_result) -> _Part:
    """The part that `Range` asks for (RFC 9110, 14.2); several parts at once are not offered, all is sent then."""
    size = info.st_size
    found = _RANGE.fullmatch(head.get("range").replace(" ", ""))
    unless = head.get("if-range")
    if not found or found[0] == "bytes=-" or (unless and unless != http_date(info.st_mtime)):
        return _Part(0, size)
    first, last = found[1], found[2]
    if first and last and int(last) < int(first):
        return _Part(0, size)
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    return _Part(start, end - start, 206) if start < end else _Part(0, 0, 416)


async def _send(exchange: Exchange, fd: int, part: _Part, fields: dict[str, str]) -> None:
    size = os.fstat(fd).st_size
    if part.status == 416:
        refusal = f"the file has {size} bytes"
        await exchange.json(416, {"code": 416, "message": refusal}, {"content-range": f"bytes */{size}"})
        return
    if part.status == 206:
        fields["content-range"] = f"bytes {part.start}-{part.start + part.length - 1}/{size}"
    left, at = part.length, part.start
    piece = os.pread(fd, min(_PIECE, left), at)
    await exchange.start(part.status, {**fields, "content-length": str(part.length)}, piece)
    while exchange.head.method != "HEAD" and (left := left - len(piece)):
        at += len(piece)
        piece = os.pread(fd, min(_PIECE, left), at)
        if not piece:
            exchange.abort()  # the file has shrunk under us: no honest end is possible
            return
        await exchange.send(piece)


async def _send_unsized(exchange: Exchange, fd: int, fields: dict[str, str]) -> None:
    """An empty file, or one of /proc, whose files say that they are empty."""
    content = b""
    while piece := os.read(fd, _PIECE):
        content += piece
        if len(content) > 64 * _PIECE:
            break
    await exchange.reply(200, content, fields)


async def _send_zipped(exchange: Exchange, fd: int, fields: dict[str, str]) -> None:
    pack = zlib.compressobj(1, zlib.DEFLATED, 31)
    await exchange.start(200, {**fields, "content-encoding": "gzip"})
    if exchange.head.method == "HEAD":
        return
    while piece := os.read(fd, _PIECE):
        await exchange.send(pack.compress(piece))
    await exchange.send(pack.flush())
    await exchange.finish()
