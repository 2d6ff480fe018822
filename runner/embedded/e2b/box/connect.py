"""The Connect protocol with its JSON codec, server side: unary calls, streams, errors.

Source: the Connect protocol reference (unary and streaming requests, error end stream) as spoken by
`e2b/envd/{process,filesystem}/*_connect.py`. No compression: the SDK asks for none.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from .http1 import Body, Exchange, ProtocolError

#: A message of the JSON codec. Any is meant: this is the border where foreign data comes in.
Message = dict[str, Any]

#: What answers a call with one message each way, and what answers one that streams.
Unary = Callable[[Message, Exchange], Awaitable[Message]]
Streaming = Callable[[Exchange], Awaitable[None]]

#: The longest message that is taken, in bytes.
MESSAGE_LIMIT = 64 * 1024 * 1024
#: Seconds between keepalive messages when the client names none.
_KEEPALIVE = 90.0
_END = 0b10
_STATUS = {
    "canceled": 499, "unknown": 500, "invalid_argument": 400, "deadline_exceeded": 504, "not_found": 404,
    "already_exists": 409, "permission_denied": 403, "resource_exhausted": 429, "failed_precondition": 400,
    "aborted": 409, "out_of_range": 400, "unimplemented": 501, "internal": 500, "unavailable": 503,
    "data_loss": 500, "unauthenticated": 401,
}  # fmt: skip


class CallError(Exception):
    """A call that failed with one of Connect's codes; the client sees code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return _STATUS.get(self.code, 500)

    def as_json(self) -> Message:
        """The error as the protocol writes it."""
        return {"code": self.code, "message": self.message}


def envelope(message: Mapping[str, object], end: bool = False) -> bytes:
    """One streamed message: a flag byte, the length in four bytes, the JSON."""
    raw = json.dumps(message, separators=(",", ":")).encode()
    return bytes([_END if end else 0]) + len(raw).to_bytes(4, "big") + raw


def decode(raw: bytes) -> Message:
    """A message from its JSON. Raises CallError for anything else."""
    try:
        message = json.loads(raw or b"{}")
    except (ValueError, RecursionError) as error:
        raise CallError("invalid_argument", f"the message is not JSON: {error}") from error
    if not isinstance(message, dict):
        raise CallError("invalid_argument", "the message is not a JSON object")
    return message


async def next_message(body: Body) -> Message | None:
    """The next streamed message of a request; None at its end. Raises CallError, ProtocolError."""
    head = await body.exactly(5)
    if head is None or head[0] & _END:
        return None
    if head[0] & 1:
        raise CallError("unimplemented", "compressed messages are not taken")
    size = int.from_bytes(head[1:], "big")
    if size > MESSAGE_LIMIT:
        raise CallError("resource_exhausted", f"a message of {size} bytes is longer than {MESSAGE_LIMIT}")
    raw = await body.exactly(size) if size else b""
    if raw is None:
        raise ProtocolError("the body ended inside a message")
    return decode(raw)


async def only_message(exchange: Exchange) -> Message:
    """The one message of a server stream's request.

    It is read to its very end BEFORE any response head goes out: the SDK's transport drops the body of a request
    that is answered too early.
    """
    message = await next_message(exchange.body)
    await exchange.body.drain()
    return message or {}


class Stream:
    """The answer to a streaming call: messages, then one end message."""

    def __init__(self, exchange: Exchange, fields: Mapping[str, str] | None = None) -> None:
        """`fields` are headers to send beside the protocol's."""
        self._exchange = exchange
        self._fields = {"content-type": "application/connect+json", **(fields or {})}

    async def send(self, message: Message) -> None:
        """Send a message; the first one takes the head with it."""
        raw = envelope(message)
        if self._exchange.started:
            await self._exchange.send(raw)
        else:
            await self._exchange.start(200, self._fields, raw)

    async def end(self, error: CallError | None = None) -> None:
        """End the stream, well or with an error."""
        raw = envelope({"error": error.as_json()} if error else {}, end=True)
        if self._exchange.started:
            await self._exchange.send(raw)
        else:
            await self._exchange.start(200, self._fields, raw)
        await self._exchange.finish()


def keepalive(exchange: Exchange) -> float:
    """Seconds between keepalive messages: as the client asks, else as the vendor's agent does."""
    text = exchange.head.get("keepalive-ping-interval")
    return float(text) if text.isdecimal() and len(text) < 10 and int(text) else _KEEPALIVE


def deadline(exchange: Exchange) -> float | None:
    """The call's timeout in seconds from `Connect-Timeout-Ms`; None for none. Raises CallError."""
    text = exchange.head.get("connect-timeout-ms")
    if not text:
        return None
    if not text.isdecimal() or len(text) > 10:
        raise CallError("invalid_argument", f"Connect-Timeout-Ms is not a number of milliseconds: {text!r}")
    return int(text) / 1000 or None
