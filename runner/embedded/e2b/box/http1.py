"""HTTP/1.1 on asyncio streams: just what the edge and the agent need, in the standard library alone.

Both sides of the endpoint use it: the agent cannot have site-packages, and the edge must be able to break a
running stream without a clean end, to see at once that a client is gone, and to hand a connection over to a
tunnel, none of which an ASGI server allows. RFC 9112 is the reference.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

#: The most bytes of one request or response head, and the buffer of a connection.
HEAD_LIMIT = 64 * 1024
BUFFER = 256 * 1024
#: Seconds that a request's head may take once it has begun.
HEAD_SECONDS = 30.0
_CHUNK = 256 * 1024
# `int` takes more than the protocol: signs, underscores, other scripts' digits; and it fails at thousands of digits.
_DIGITS = re.compile(r"[0-9]{1,18}")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_HEX = re.compile(rb"[0-9A-Fa-f]{1,15}")
_TOO_LONG = "the head is too long"
_REASONS = {
    100: "Continue", 101: "Switching Protocols", 200: "OK", 201: "Created", 204: "No Content",
    206: "Partial Content", 304: "Not Modified",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict", 413: "Content Too Large", 416: "Range Not Satisfiable", 431: "Request Header Fields Too Large",
    500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout", 507: "Insufficient Storage",
}  # fmt: skip


class ProtocolError(Exception):
    """The peer does not speak HTTP/1.1 as it should; the connection is of no further use.

    `status` is what a client is answered.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Inlet(asyncio.StreamReader):
    """A reader that also says when the peer has gone, even while nobody reads."""

    def __init__(self) -> None:
        super().__init__(limit=BUFFER)
        self.gone = asyncio.Event()

    def feed_eof(self) -> None:
        """Note the end of the peer's bytes."""
        super().feed_eof()
        self.gone.set()

    def set_exception(self, exc: Exception) -> None:
        """Note a broken connection."""
        super().set_exception(exc)
        self.gone.set()


@dataclass(slots=True)
class Head:
    """A request's or response's first line and its header fields, in order, names as they came."""

    first: str
    second: str
    third: str
    fields: list[tuple[str, str]] = field(default_factory=list)

    def get(self, name: str, default: str = "") -> str:
        """The value of the first field of this name (case does not matter)."""
        wanted = name.lower()
        for key, value in self.fields:
            if key.lower() == wanted:
                return value
        return default

    def tokens(self, name: str) -> set[str]:
        """The comma-separated words of all fields of this name, in lower case."""
        wanted = name.lower()
        return {
            token.strip(" \t").lower()
            for key, value in self.fields
            if key.lower() == wanted
            for token in value.split(",")
            if token.strip(" \t")
        }

    @property
    def method(self) -> str:
        """A request's method."""
        return self.first

    @property
    def target(self) -> str:
        """A request's target: path and query."""
        return self.second

    @property
    def path(self) -> str:
        """A request's path, decoded."""
        return unquote(self.second.partition("?")[0])

    @property
    def query(self) -> dict[str, str]:
        """A request's query; of repeated names the last counts."""
        return dict(parse_qsl(self.second.partition("?")[2], keep_blank_values=True))

    @property
    def status(self) -> int:
        """A response's status."""
        return int(self.second)

    @property
    def version(self) -> str:
        """`HTTP/1.1` or `HTTP/1.0`."""
        return self.first if self.first.startswith("HTTP/") else self.third

    @property
    def persistent(self) -> bool:
        """Whether the peer wants to go on with this connection after the message."""
        words = self.tokens("connection")
        return "close" not in words if self.version == "HTTP/1.1" else "keep-alive" in words

    def encode(self) -> bytes:
        """The head as it goes over the wire."""
        lines = [f"{self.first} {self.second} {self.third}"]
        lines += [f"{key}: {value}" for key, value in self.fields]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def read_head(reader: asyncio.StreamReader, begun: bytes = b"") -> Head | None:
    """Read one head, of which some bytes may have been read before; None when the peer closed before it began.

    Raises ProtocolError.
    """
    try:
        raw = begun + await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if (begun + error.partial).strip():
            raise ProtocolError("the connection ended inside a head") from error
        return None
    except asyncio.LimitOverrunError as error:
        raise ProtocolError(_TOO_LONG, 431) from error
    if len(raw) > HEAD_LIMIT:
        raise ProtocolError(_TOO_LONG, 431)
    return parse_head(raw)


async def read_request(reader: asyncio.StreamReader) -> Head | None:
    """Read a request's head, for which a client may wait as long as it likes before it begins, but not afterwards.

    Raises ProtocolError.
    """
    begun = await reader.read(1)
    if not begun:
        return None
    late = ProtocolError(f"the head took longer than {HEAD_SECONDS:g} s", 408)
    timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, reader.set_exception, late)
    try:
        head = await read_head(reader, begun)
    finally:
        timer.cancel()
    if head is not None and sum(key.lower() == "host" for key, _ in head.fields) > 1:
        raise ProtocolError("there is more than one Host")
    return head


def parse_head(raw: bytes) -> Head:
    """Take a head apart. Raises ProtocolError for anything that two parsers might read in two ways."""
    lines = raw.decode("latin-1").strip("\r\n").split("\r\n")
    first, _, rest = lines[0].partition(" ")
    second, _, third = rest.partition(" ")
    head = Head(first, second, third)
    if head.version not in ("HTTP/1.1", "HTTP/1.0") or not second or _CONTROLS.search(lines[0]):
        raise ProtocolError("not an HTTP/1.1 head")
    if first.startswith("HTTP/") and not (len(second) == 3 and _DIGITS.fullmatch(second)):
        raise ProtocolError("not an HTTP status")
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name) or _CONTROLS.search(value.replace("\t", " ")):
            raise ProtocolError("a header field is malformed")
        head.fields.append((name, value.strip(" \t")))
    return head


class Body:
    """A message's body, read once, whatever its framing."""

    def __init__(self, reader: asyncio.StreamReader, length: int | None, chunked: bool) -> None:
        """`length` None and not chunked means: until the connection ends."""
        self._reader = reader
        self.length = length
        self.chunked = chunked
        self.before: Callable[[], None] | None = None
        self._left = length
        self._spare = bytearray()
        self.done = length == 0 and not chunked

    @classmethod
    def of_request(cls, reader: asyncio.StreamReader, head: Head) -> Body:
        """The body that follows a request's head."""
        length, chunked = _framing(head)
        if chunked and head.version == "HTTP/1.0":
            raise ProtocolError("the body's framing is ambiguous")
        return cls(reader, length if chunked or length is not None else 0, chunked)

    @classmethod
    def of_response(cls, reader: asyncio.StreamReader, head: Head, method: str) -> Body:
        """The body that follows a response's head."""
        if method == "HEAD" or head.status in (204, 304) or head.status < 200:
            return cls(reader, 0, False)
        return cls(reader, *_framing(head))

    async def piece(self) -> bytes:
        """The next bytes as they come, empty at the end. Raises ProtocolError when the peer breaks off."""
        if self.before is not None:
            self.before()
            self.before = None
        while not self.done:
            got = await (self._chunk() if self.chunked else self._plain())
            if got:
                return got
        return b""

    async def read(self, limit: int = 64 * 1024 * 1024) -> bytes:
        """The whole body. Raises ProtocolError when it is longer than `limit` bytes."""
        parts = bytearray(self._spare)
        while got := await self.piece():
            parts += got
            if len(parts) > limit:
                raise ProtocolError(f"the body is longer than {limit} bytes", 413)
        return bytes(parts)

    async def exactly(self, count: int) -> bytes | None:
        """The next `count` bytes of the body, across chunks; None at its end."""
        while len(self._spare) < count:
            got = await self.piece()
            if not got and self._spare:
                raise ProtocolError("the body ended inside a message")
            if not got:
                return None
            self._spare += got
        wanted = bytes(self._spare[:count])
        del self._spare[:count]
        return wanted

    async def drain(self) -> None:
        """Read what is left and forget it."""
        while await self.piece():
            pass

    async def _plain(self) -> bytes:
        want = _CHUNK if self._left is None else min(_CHUNK, self._left)
        piece = await self._reader.read(want)
        if self._left is None:
            self.done = not piece
            return piece
        if not piece:
            raise ProtocolError("the connection ended inside a body")
        self._left -= len(piece)
        self.done = self._left == 0
        return piece

    async def _chunk(self) -> bytes:
        if not self._left:
            size = (await self._line()).partition(b";")[0].strip()
            if not _HEX.fullmatch(size):
                raise ProtocolError("a chunk's size is malformed")
            self._left = int(size, 16)
            if self._left == 0:
                while await self._line():
                    pass  # trailers say nothing that is needed here
                self.done = True
                return b""
        piece = await self._reader.read(min(self._left, _CHUNK))
        if not piece:
            raise ProtocolError("the connection ended inside a chunk")
        self._left -= len(piece)
        if self._left == 0 and await self._line():
            raise ProtocolError("a chunk is longer than it says")
        return piece

    async def _line(self) -> bytes:
        try:
            return (await self._reader.readuntil(b"\r\n"))[:-2]
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ProtocolError("the connection ended inside a chunk") from error


def _framing(head: Head) -> tuple[int | None, bool]:
    codings = head.tokens("transfer-encoding")
    lengths = head.tokens("content-length")
    if codings:
        if codings != {"chunked"} or lengths:
            raise ProtocolError("the body's framing is ambiguous")
        return None, True
    if not lengths:
        return None, False
    text = lengths.pop()
    if lengths or not _DIGITS.fullmatch(text):
        raise ProtocolError("the body's length is malformed")
    return int(text), False


class Exchange:
    """One request and the answer to it."""

    def __init__(self, head: Head, reader: Inlet, writer: asyncio.StreamWriter) -> None:
        self.head = head
        self.reader = reader
        self.writer = writer
        self.body = Body.of_request(reader, head)
        self.persistent = head.persistent
        self.started = False
        #: Bytes of the answer so far.
        self.sent = 0
        self._chunked = False
        #: Fields that go out with the answer, whatever it is.
        self.extra: list[tuple[str, str]] = []
        if head.get("expect").lower() == "100-continue":
            self.body.before = lambda: writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def reply(self, status: int, content: bytes = b"", fields: dict[str, str] | None = None) -> None:
        """Answer at once with a whole body."""
        length = {} if status in (204, 304) else {"content-length": str(len(content))}
        await self.start(status, {**length, **(fields or {})}, content)

    async def json(self, status: int, value: object, fields: dict[str, str] | None = None) -> None:
        """Answer with JSON."""
        content = json.dumps(value, separators=(",", ":")).encode()
        await self.reply(status, content, {"content-type": "application/json", **(fields or {})})

    async def start(self, status: int, fields: dict[str, str], content: bytes = b"") -> None:
        """Send the head, and `content` with it. Without a length the body goes in chunks."""
        head = Head("HTTP/1.1", str(status), _REASONS.get(status, "Status"), list(fields.items()))
        await self.begin(head, content, chunked="content-length" not in fields)

    async def begin(self, head: Head, content: bytes = b"", *, chunked: bool) -> None:
        """Send a head made elsewhere, and `content` with it."""
        self.started = True
        bodiless = self.head.method == "HEAD" or head.status in (204, 304)
        if chunked and self.head.version == "HTTP/1.0":
            chunked = self.persistent = False  # it knows no chunks: such a body ends with its connection
        self._chunked = chunked and not bodiless
        if self._chunked:
            head.fields.append(("transfer-encoding", "chunked"))
        head.fields += self.extra
        if not self.persistent:
            head.fields.append(("connection", "close"))
        raw = head.encode()
        if content and not bodiless:
            raw += _as_chunk(content) if self._chunked else content
        self.sent += len(raw)
        self.writer.write(raw)
        await self.writer.drain()

    async def send(self, piece: bytes) -> None:
        """Send a piece of the body; waits while the peer is slower."""
        if piece:
            self.sent += len(piece)
            self.writer.write(_as_chunk(piece) if self._chunked else piece)
            await self.writer.drain()

    async def finish(self) -> None:
        """End a body that went in chunks."""
        if self._chunked:
            self.writer.write(b"0\r\n\r\n")
            await self.writer.drain()

    def abort(self) -> None:
        """Break the connection off, so that the peer cannot take what it has for the whole answer."""
        self.persistent = False
        self.writer.transport.abort()


def _as_chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


Handler = Callable[[Exchange], Awaitable[None]]


async def serve(reader: Inlet, writer: asyncio.StreamWriter, handle: Handler) -> None:
    """Answer the requests of one connection, one after the other, until either side closes it."""
    exchange: Exchange | None = None
    try:
        while True:
            exchange = None
            head = await read_request(reader)
            if head is None:
                return
            exchange = Exchange(head, reader, writer)
            await handle(exchange)
            if not exchange.persistent:
                return
            await exchange.body.drain()
    except ProtocolError as error:
        if exchange is None or not exchange.started:
            writer.write(_refusal(error))
        else:
            exchange.abort()  # what has gone out must not be taken for the whole
    except (ConnectionError, TimeoutError):
        return  # the client has gone: nobody is left to be told
    finally:
        await close(writer)


def _refusal(error: ProtocolError) -> bytes:
    content = json.dumps({"code": error.status, "message": str(error)}).encode()
    fields = [("content-type", "application/json"), ("content-length", str(len(content))), ("connection", "close")]
    return Head("HTTP/1.1", str(error.status), _REASONS[error.status], fields).encode() + content


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection; one that is broken already is as good."""
    writer.close()
    try:
        await writer.wait_closed()
    except (ConnectionError, TimeoutError, OSError):
        return


def fulfil(waiter: asyncio.Future[None]) -> None:
    """Let whoever waits go on; a callback for readable and writable descriptors."""
    if not waiter.done():
        waiter.set_result(None)


#: The tasks of all served connections: asyncio itself holds them only weakly.
_serving: set[asyncio.Task[None]] = set()


def connection(handle: Handler) -> asyncio.StreamReaderProtocol:
    """The asyncio protocol of one accepted connection, whose requests are answered by `handle`."""
    inlet = Inlet()

    def begin(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(BUFFER)
        task = asyncio.get_running_loop().create_task(serve(inlet, writer, handle))
        _serving.add(task)
        task.add_done_callback(_serving.discard)

    return asyncio.StreamReaderProtocol(inlet, begin)
