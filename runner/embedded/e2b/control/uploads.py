"""Uploads for COPY: the SDK asks where to put an archive, and puts it there, with nothing but the address it got."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

from runner.embedded.e2b.box.http1 import Body, Exchange
from runner.embedded.e2b.building.catalog import Catalog
from runner.embedded.e2b.control.refusals import Refused
from runner.embedded.e2b.control.routing import Call, Route
from runner.embedded.e2b.control.templates import refusing

#: Seconds for which an address is good, and the bytes that an archive may have.
_GOOD_FOR = 3600
_LONGEST = 4 * 2**30
_HASH = re.compile(r"[0-9a-f]{64}")


class UploadRoutes:
    """The routes of uploads."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._key = secrets.token_bytes(32)

    def routes(self) -> Iterator[Route]:
        """Both of them."""
        yield Route("GET /templates/{id}/files/{hash}", self._where)
        yield Route("PUT /templates/{id}/files/{hash}", self._take, streams=True, open=True)

    async def _where(self, call: Call) -> None:
        """Whether the files are there, and an address to put them to, which is good also if they are."""
        with refusing():
            record = self._catalog.get(call["id"])
        file = self._file(call["hash"])
        expires = int(time.time()) + _GOOD_FOR
        query = urlencode({"expires": expires, "signature": self._signature(record.id, call["hash"], expires)})
        url = f"{_origin(call.exchange)}/templates/{record.id}/files/{call['hash']}?{query}"
        present = self._catalog.has_upload(file.name)
        await call.exchange.json(201, {"present": present, "url": url})

    async def _take(self, call: Call) -> None:
        query = call.exchange.head.query
        expires = query.get("expires", "")
        if not expires.isdecimal() or len(expires) > 12 or int(expires) < time.time():
            raise Refused(403, "the address of this upload has expired: ask for another")
        wanted = self._signature(call["id"], call["hash"], int(expires))
        if not hmac.compare_digest(wanted.encode(), query.get("signature", "").encode()):
            raise Refused(403, "the signature of this upload is wrong")
        length = call.exchange.head.get("content-length")
        if not length.isdecimal() or int(length) > _LONGEST:
            raise Refused(413, f"an archive has at most {_LONGEST} bytes, and says so")
        file = self._file(call["hash"])
        try:
            await _receive(call.exchange.body, file)
        except OSError as error:
            raise Refused(507, f"the archive cannot be stored: {error.strerror}") from error
        await call.exchange.reply(200)

    def _file(self, name: str) -> Path:
        if not _HASH.fullmatch(name):
            raise Refused(400, "files are named by their SHA-256 in small hexadecimal digits")
        return self._catalog.uploads / name

    def _signature(self, template: str, name: str, expires: int) -> str:
        return hmac.new(self._key, f"{template}:{name}:{expires}".encode(), hashlib.sha256).hexdigest()


def _origin(exchange: Exchange) -> str:
    """By what address the client has reached us."""
    scheme = "http" if exchange.writer.get_extra_info("sslcontext") is None else "https"
    return f"{scheme}://{exchange.head.get('host') or '127.0.0.1'}"


async def _receive(body: Body, file: Path) -> None:
    """Write a body to a file, which is there as a whole or not at all. Raises OSError."""
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb", buffering=0) as target:
            while piece := await body.piece():
                await asyncio.to_thread(_write_all, target.fileno(), piece)
        fresh.rename(file)
    finally:
        with suppress(FileNotFoundError):
            fresh.unlink()


def _write_all(fd: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(fd, view) :]
