"""Which engine is taken: by what is asked for, whether there is a key, whether the vendor's address answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from runner.errors import ProviderOffline, UsageError
from runner.sandbox import webcontainer_engine as engine

KEY = {"WEBCONTAINER_API_KEY": "k-secret"}
ASKED = "RUNNER_WEBCONTAINER_ENGINE"
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answering(text: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text)
        writer.close()

    return answer


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


def choose(environ, answer: Answer | None = None):
    async def main():
        server = await asyncio.start_server(answer or silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        if answer is None:
            server.close()
        try:
            return await engine.choose(environ, f"http://127.0.0.1:{port}")
        finally:
            server.close()

    return asyncio.run(main())


GOOD = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def test_without_a_key_ours_is_taken_and_nobody_is_asked(monkeypatch):
    monkeypatch.setattr(engine, "unreachable", lambda address: pytest.fail("asked"))
    assert asyncio.run(engine.choose({})).name == "local"
    assert asyncio.run(engine.choose({**KEY, ASKED: "local"})).name == "local"


def test_with_a_key_the_vendors_is_taken_where_it_answers():
    found = choose(KEY, GOOD)
    assert (found.name, found.key) == ("stackblitz", "k-secret")
    assert "k-secret" not in found.reason


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "refused"),
        (silent, "no answer within"),
        (answering(b"HTTP/1.1 503 Service Unavailable\r\n\r\n"), "status 503"),
        (answering(b"SSH-2.0-x\r\n"), "no web server"),
    ],
    ids=["closed", "silent", "503", "other server"],
)
def test_a_vendors_engine_that_cannot_be_had_is_explained_and_auto_goes_on(answer, why, monkeypatch):
    monkeypatch.setattr(engine, "PROBE", 0.3)
    found = choose(KEY, answer)
    assert found.name == "local"
    assert found.key == ""
    assert why in found.reason.lower()
    with pytest.raises(ProviderOffline) as caught:
        choose({**KEY, ASKED: "stackblitz"}, answer)
    assert why in caught.value.message.lower()
    assert f"{ASKED}=local" in caught.value.hint


def test_without_a_key_the_vendors_engine_can_be_asked_for():
    found = choose({ASKED: "stackblitz"}, GOOD)
    assert (found.name, found.key) == ("stackblitz", "")
    assert "without a licence" in found.reason


def test_an_engine_of_another_name_is_refused_with_those_that_there_are():
    with pytest.raises(UsageError, match="deno") as caught:
        asyncio.run(engine.choose({ASKED: "deno"}))
    assert "stackblitz, local, auto" in caught.value.hint
