"""Connect's envelopes and errors."""

from __future__ import annotations

import asyncio

import pytest

from runner.embedded.e2b.box.connect import CallError, decode, envelope, next_message
from runner.embedded.e2b.box.http1 import Body, Inlet, ProtocolError


def _messages(raw: bytes) -> list[object]:
    async def go() -> list[object]:
        inlet = Inlet()
        inlet.feed_data(raw)
        inlet.feed_eof()
        body = Body(inlet, len(raw), chunked=False)
        found: list[object] = []
        while (message := await next_message(body)) is not None:
            found.append(message)
        return found

    return asyncio.run(go())


def test_an_envelope_is_flag_length_and_json() -> None:
    assert envelope({"a": 1}) == b"\x00\x00\x00\x00\x07" + b'{"a":1}'
    assert envelope({}, end=True) == b"\x02\x00\x00\x00\x02{}"


def test_messages_are_read_up_to_the_end() -> None:
    assert _messages(envelope({"n": 1}) + envelope({"n": "ü"})) == [{"n": 1}, {"n": "ü"}]
    assert _messages(envelope({"n": 1}) + envelope({}, end=True) + envelope({"n": 2})) == [{"n": 1}]
    assert _messages(b"\x00\x00\x00\x00\x00") == [{}]
    assert _messages(b"") == []


def test_what_is_no_message_is_refused() -> None:
    with pytest.raises(ProtocolError):
        _messages(envelope({"n": 1})[:-1])
    with pytest.raises(ProtocolError):
        _messages(b"\x00\x00")
    with pytest.raises(CallError, match="compressed"):
        _messages(b"\x01\x00\x00\x00\x02{}")
    with pytest.raises(CallError, match="longer than"):
        _messages(b"\x00\xff\xff\xff\xff{}")
    for raw in (b"{", b"[]", b"\xff"):
        with pytest.raises(CallError, match="not"):
            decode(raw)


@pytest.mark.parametrize(("code", "status"), [("not_found", 404), ("already_exists", 409), ("made_up", 500)])
def test_a_code_has_its_status(code: str, status: int) -> None:
    error = CallError(code, "why")
    assert error.status == status
    assert error.as_json() == {"code": code, "message": "why"}
