"""Multipart forms: however the pieces fall, the files come out whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from runner.embedded.e2b.box.forms import FormError, parts

_FILES = [("a.txt", b"hello"), ("empty", b""), ("dir/ü☃.bin", b"\r\n--\r\n-" * 50), ('q"uo;te', b"--x\r\n")]


def _form() -> tuple[str, bytes]:
    request = httpx.Request("POST", "http://h/files", files=[("file", each) for each in _FILES])
    return request.headers["content-type"], request.read()


def _read(kind: str, raw: bytes, step: int) -> list[tuple[str, bytes]]:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(raw), step):
            yield raw[at : at + step]

    async def go() -> list[tuple[str, bytes]]:
        return [(name, b"".join([piece async for piece in content])) async for name, content in parts(pieces(), kind)]

    return asyncio.run(go())


@pytest.mark.parametrize("step", [1, 2, 3, 7, 16, 37, 64, 5000])
def test_files_come_out_whole(step: int) -> None:
    kind, raw = _form()
    assert _read(kind, raw, step) == _FILES


def test_files_that_nobody_reads_are_passed_over() -> None:
    async def go() -> list[str]:
        kind, raw = _form()

        async def whole() -> AsyncIterator[bytes]:
            yield raw

        return [name async for name, _ in parts(whole(), kind)]

    assert asyncio.run(go()) == [name for name, _ in _FILES]


def test_a_text_called_file_is_a_file_without_a_name_and_other_texts_are_none() -> None:
    kind = "multipart/form-data; boundary=x"
    fields = [("profile", "1"), ("file", "content"), ("name", "file")]
    raw = "".join(f'--x\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{text}\r\n' for key, text in fields)
    assert _read(kind, f"{raw}--x--\r\n".encode(), 5) == [("", b"content")]


def test_a_form_cut_short_is_refused() -> None:
    kind, raw = _form()
    with pytest.raises(FormError, match="before its last boundary"):
        _read(kind, raw[:-10], 100)
    with pytest.raises(FormError, match="boundary"):
        _read("multipart/form-data", raw, 100)
    with pytest.raises(FormError, match="too long"):
        _read("multipart/form-data; boundary=x", b"--x\r\n" + b"a" * 100_000, 4096)
