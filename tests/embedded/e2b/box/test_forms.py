"""Multipart forms: however the pieces fall, the files come out whole."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from runner.embedded.e2b.box.files_http import FileRefused, _parts
from runner.embedded.e2b.box.http1 import Exchange, Head, Inlet, ProtocolError

_FILES = [("a.txt", b"hello"), ("empty", b""), ("dir/ü☃.bin", b"\r\n--\r\n-" * 50), ('q"uo;te', b"--x\r\n")]


def _form() -> tuple[str, bytes]:
    request = httpx.Request("POST", "http://h/files", files=[("file", each) for each in _FILES])
    return request.headers["content-type"], request.read()


def _read(kind: str, raw: bytes, step: int, only: str | None = None) -> list[tuple[str, bytes]]:
    async def go() -> list[tuple[str, bytes]]:
        inlet = Inlet()
        chunks = b"".join(
            b"%x\r\n%b\r\n" % (len(raw[at : at + step]), raw[at : at + step]) for at in range(0, len(raw), step)
        )
        inlet.feed_data(chunks + b"0\r\n\r\n")
        inlet.feed_eof()
        exchange = Exchange(Head("POST", "/", "HTTP/1.1", [("Transfer-Encoding", "chunked")]), inlet, None)  # type: ignore[arg-type]
        return [
            (name, b"".join([piece async for piece in content])) async for name, content in _parts(exchange, kind, only)
        ]

    return asyncio.run(go())


@pytest.mark.parametrize("step", [1, 2, 3, 7, 16, 37, 64, 5000])
def test_files_come_out_whole(step: int) -> None:
    kind, raw = _form()
    assert _read(kind, raw, step) == _FILES


def test_a_path_of_the_query_wins() -> None:
    kind, raw = _form()
    assert {name for name, _ in _read(kind, raw, 4096, only="/tmp/x")} == {"/tmp/x"}


def test_a_form_cut_short_is_refused() -> None:
    kind, raw = _form()
    with pytest.raises(ProtocolError):
        _read(kind, raw[:-10], 100)
    with pytest.raises(FileRefused, match="boundary"):
        _read("multipart/form-data", raw, 100)
