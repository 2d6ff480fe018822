"""Connections to ports inside a container, many over the one WebSocket that its engine has opened.

A frame is 1 byte of kind, 4 bytes of the connection's number (big-endian) and a payload: OPEN (2 bytes of port;
answered by OPENED or REFUSED), DATA, END (that side sends no more), RESET, WINDOW (4 bytes: so many bytes of DATA more
have been consumed). Each side of a connection may have 256 KiB under way that the other has not reported as consumed.
Frames about previews have a port in place of a number: SHOWN (a frame of a page shows it), COOKIES (its answers set
some; the engine answers with the same), MESSAGE (what a page of it says, as JSON).
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from enum import IntEnum

WINDOW_BYTES = 256 * 1024
_FRAME_BYTES = 64 * 1024
_REPORT_BYTES = 64 * 1024  # are consumed before it is told: not each small piece is worth a frame
_OPEN_SECONDS = 15.0
_LINGER_SECONDS = 5.0
_HEAD = struct.Struct(">BI")


class Kind(IntEnum):
    """What a frame says."""

    OPEN = 1
    OPENED = 2
    REFUSED = 3
    DATA = 4
    END = 5
    RESET = 6
    WINDOW = 7
    SHOWN = 8
    COOKIES = 9
    MESSAGE = 10


class PortClosed(Exception):
    """Nobody listens on that port in the container."""


class StreamBroken(Exception):
    """The connection ended before its time: the text says why."""


Send = Callable[[bytes], Awaitable[None]]


class Stream:
    """One connection to a port; made by `Tunnel.open`. It is read and written like a socket, by one task each."""

    def __init__(self, number: int, send: Send) -> None:
        self.number, self._frame = number, send
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arrived: deque[bytes] = deque()
        self._held = 0  # bytes in `_arrived`
        self._unreported = 0
        self._credit = WINDOW_BYTES
        self._changed = asyncio.Event()
        self._ended = False  # by the other side
        self._said_end = False
        self._broken = ""

    async def send(self, data: bytes) -> None:
        """Send bytes; waits while the other side has too many that it has not consumed. Raises StreamBroken."""
        rest = memoryview(data)
        while rest:
            await self._until(lambda: self._credit > 0)
            size = min(len(rest), self._credit, _FRAME_BYTES)
            self._credit -= size
            await self._write(Kind.DATA, bytes(rest[:size]))
            rest = rest[size:]

    async def end(self) -> None:
        """Say that no more comes; reading goes on. Raises StreamBroken."""
        self._said_end = True
        await self._write(Kind.END)

    @property
    def over(self) -> bool:
        """Whether both sides have said that no more comes."""
        return self._ended and self._said_end

    async def receive(self) -> bytes:
        """The next bytes; none when the other side sends no more. Raises StreamBroken."""
        await self._until(lambda: bool(self._arrived) or self._ended)
        if not self._arrived:
            return b""
        data = self._arrived.popleft()
        self._held -= len(data)
        self._unreported += len(data)
        if self._unreported >= _REPORT_BYTES and not self._ended:
            reported, self._unreported = self._unreported, 0
            await self._write(Kind.WINDOW, reported.to_bytes(4, "big"))
        return data

    async def reset(self) -> None:
        """Break the connection, whatever is under way."""
        if not self._broken:
            with suppress(StreamBroken):
                await self._write(Kind.RESET)
            self.broke("it was reset from this side")

    def broke(self, why: str) -> None:
        """Take note that the connection is no more."""
        self._broken = self._broken or why
        if not self.opened.done():
            self.opened.set_exception(StreamBroken(why))
            self.opened.exception()  # asked for here: nobody may be waiting
        self._changed.set()

    def heard(self, kind: int, payload: bytes) -> bool:
        """Take in a frame; False when the other side does not keep to the protocol."""
        if kind == Kind.DATA:
            self._held += len(payload)
            self._arrived.append(payload)
            if self._ended or self._held + self._unreported > WINDOW_BYTES:
                return False
        elif kind == Kind.WINDOW and len(payload) == 4:
            self._credit = min(self._credit + int.from_bytes(payload, "big"), WINDOW_BYTES)
        elif kind == Kind.END:
            self._ended = True
        elif kind in (Kind.OPENED, Kind.REFUSED) and not self.opened.done():
            if kind == Kind.OPENED:
                self.opened.set_result(None)
            else:
                self.opened.set_exception(PortClosed())
                self.opened.exception()  # asked for here: nobody may be waiting
        else:
            return False
        self._changed.set()
        return True

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            if self._broken:
                raise StreamBroken(self._broken)
            self._changed.clear()
            await self._changed.wait()

    async def _write(self, kind: Kind, payload: bytes = b"") -> None:
        if self._broken:
            raise StreamBroken(self._broken)
        await self._frame(_HEAD.pack(kind, self.number) + payload)


class Tunnel:
    """The server's side of one engine's WebSocket. `send` sends a frame and raises StreamBroken when it is gone."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._streams: dict[int, Stream] = {}
        self._number = 0
        self._lingering: set[asyncio.Task[None]] = set()
        self._shown: set[int] = set()
        self._heeded: dict[int, asyncio.Event] = {}
        self._over = False

    async def show(self, port: int) -> None:
        """Tell the engine, once, that a frame shows a port. Raises StreamBroken."""
        if port not in self._shown:
            self._shown.add(port)
            await self._send(_HEAD.pack(Kind.SHOWN, port))

    async def cookies(self, port: int) -> None:
        """Tell the engine that a port's answers set cookies; returns when it heeds that. Raises StreamBroken."""
        if self._over:
            return
        heeded = self._heeded.get(port)
        if heeded is None:
            heeded = self._heeded[port] = asyncio.Event()
            await self._send(_HEAD.pack(Kind.COOKIES, port))
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                await heeded.wait()
        except TimeoutError as error:
            raise StreamBroken(f"the engine did not answer within {_OPEN_SECONDS:g} s") from error

    async def message(self, port: int, text: bytes) -> None:
        """Hand on what a page of a port says. Raises StreamBroken."""
        await self._send(_HEAD.pack(Kind.MESSAGE, port) + text)

    async def open(self, port: int) -> Stream:
        """Connect to a port in the container. Raises PortClosed, StreamBroken."""
        self._number = self._number % 0xFFFFFFFF + 1
        number = self._number
        stream = self._streams[number] = Stream(number, self._send)
        try:
            await self._send(_HEAD.pack(Kind.OPEN, number) + port.to_bytes(2, "big"))
            async with asyncio.timeout(_OPEN_SECONDS):
                await stream.opened
        except TimeoutError as error:
            await self.release(stream)
            raise StreamBroken(f"the engine did not answer within {_OPEN_SECONDS:g} s") from error
        except PortClosed:
            del self._streams[number]
            raise
        except BaseException:
            await self.release(stream)
            raise
        return stream

    async def release(self, stream: Stream) -> None:
        """Forget a connection, and break it unless it has run its course."""
        if self._streams.pop(stream.number, None) is not None and not stream.over:
            await stream.reset()

    async def finish(self, stream: Stream) -> None:
        """End a connection on which all has been said; the other side has a while to end it too."""
        with suppress(StreamBroken):
            await stream.end()
        if stream.over:
            await self.release(stream)
            return
        task = asyncio.create_task(self._linger(stream))
        self._lingering.add(task)
        task.add_done_callback(self._lingering.discard)

    async def _linger(self, stream: Stream) -> None:
        with suppress(TimeoutError, StreamBroken):
            async with asyncio.timeout(_LINGER_SECONDS):
                while await stream.receive():
                    pass
        await self.release(stream)

    async def carry(self, frames: AsyncIterator[bytes]) -> None:
        """Hand frames of the engine to their connections until there are no more; then all connections break."""
        try:
            async for frame in frames:
                if len(frame) < _HEAD.size:
                    return
                kind, number = _HEAD.unpack_from(frame)
                if kind == Kind.COOKIES:
                    if number in self._heeded:
                        self._heeded[number].set()
                    continue
                stream = self._streams.get(number)
                if stream is None:
                    continue  # what was under way when the connection ended
                if kind == Kind.RESET:
                    del self._streams[number]
                    stream.broke("the server in the container broke the connection")
                elif not stream.heard(kind, frame[_HEAD.size :]):
                    await self.release(stream)
        finally:
            self._over = True
            for heeded in self._heeded.values():
                heeded.set()  # an engine that is gone serves nobody
            for stream in self._streams.values():
                stream.broke("the container is gone")
            await asyncio.gather(*self._lingering)
            self._streams.clear()
