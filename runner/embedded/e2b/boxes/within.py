"""Commands that the endpoint itself runs in a box, by the box's agent: steps of builds, start and ready commands."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from urllib.parse import urlencode

from runner.embedded.e2b.box.connect import envelope
from runner.embedded.e2b.box.http1 import Body, Head, ProtocolError, close, read_head
from runner.embedded.e2b.boxes.box import ENVD_PORT, Box, BoxDead
from runner.records import dataclass

_END = 0b10
_PIECE = 256 * 1024
#: Gets the name of a stream (`stdout`, `stderr`) and what came on it.
Listener = Callable[[str, bytes], None]


class CallRefused(Exception):
    """The agent would not do it; the message is its code and sentence."""


@dataclass(frozen=True, slots=True)
class Words:
    """A command for bash: the text, the box's user, the working folder (empty: his home), and the environment."""

    text: str
    user: str = "user"
    cwd: str = ""
    env: Mapping[str, str] = field(default_factory=dict)


def _deaf(_name: str, _piece: bytes) -> None:
    return


async def answers(box: Box, seconds: float) -> bool:
    """Whether its agent answers in that time."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await box.connect(ENVD_PORT)
            try:
                writer.write(Head("GET", "/health", "HTTP/1.1", [("Host", "box"), ("Connection", "close")]).encode())
                return await read_head(reader) is not None
            finally:
                writer.transport.abort()
    except (TimeoutError, BoxDead, ProtocolError, OSError):
        return False


async def run(box: Box, words: Words, hear: Listener = _deaf) -> int:
    """Run a command to its end; its exit code (-1 after a signal). Raises CallRefused, BoxDead."""
    config = {"cmd": "/bin/bash", "args": ["-l", "-c", words.text], "envs": dict(words.env)}
    if words.cwd:
        config["cwd"] = words.cwd
    raw = envelope({"process": config, "stdin": False})
    fields = [("Content-Type", "application/connect+json"), ("Content-Length", str(len(raw)))]
    try:
        reader, writer = await _opened(box, "POST", "/process.Process/Start", words.user, fields)
        try:
            writer.write(raw)
            await writer.drain()
            return await _followed(await _body(box, reader), hear)
        finally:
            await close(writer)
    except (ProtocolError, ConnectionError) as error:
        raise BoxDead(box.id) from error


async def _followed(body: Body, hear: Listener) -> int:
    while (head := await body.exactly(5)) is not None:
        raw = await body.exactly(int.from_bytes(head[1:], "big")) or b"{}"
        message = json.loads(raw)
        if head[0] & _END:
            error = message.get("error", {})
            said = error.get("message", "the command was not followed to its end")
            raise CallRefused(f"{error.get('code', 'unknown')}: {said}")
        event = message.get("event", {})
        for name, piece in event.get("data", {}).items():
            hear(name, base64.b64decode(piece))
        if "end" in event:
            code: int = event["end"].get("exitCode", 0)
            return code
    raise ProtocolError("the stream ended without a word of the command's end")


async def upload(box: Box, file: Path, place: str, user: str) -> None:
    """Write a file of the host into a box, as one of its users. Raises CallRefused, BoxDead, OSError."""
    with file.open("rb") as source:
        size = os.fstat(source.fileno()).st_size
        query = urlencode({"path": place, "username": user})
        fields = [("Content-Type", "application/octet-stream"), ("Content-Length", str(size))]
        try:
            reader, writer = await _opened(box, "POST", f"/files?{query}", user, fields)
            try:
                with suppress(ConnectionError):  # it has refused before it had all: its answer says why
                    while piece := await asyncio.to_thread(source.read, _PIECE):
                        writer.write(piece)
                        await writer.drain()
                await (await _body(box, reader)).drain()
            finally:
                await close(writer)
        except (ProtocolError, ConnectionError) as error:
            raise BoxDead(box.id) from error


async def _opened(
    box: Box, method: str, target: str, user: str, fields: list[tuple[str, str]]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await box.connect(ENVD_PORT)
    basic = base64.b64encode(f"{user}:".encode()).decode()
    own = [("Host", "box"), ("Connection", "close"), ("Authorization", f"Basic {basic}")]
    writer.write(Head(method, target, "HTTP/1.1", [*own, *fields]).encode())
    return reader, writer


async def _body(box: Box, reader: asyncio.StreamReader) -> Body:
    head = await read_head(reader)
    if head is None:
        raise BoxDead(box.id)
    body = Body.of_response(reader, head, "POST")
    if head.status >= 300:
        raise CallRefused(_message(await body.read()))
    return body


def _message(raw: bytes) -> str:
    try:
        said: str = json.loads(raw)["message"]
    except (ValueError, KeyError, TypeError):
        return raw.decode(errors="replace")
    return said
