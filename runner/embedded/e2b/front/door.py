"""The endpoint's one port: plain HTTP and TLS on the same one, told apart by a connection's first byte."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from runner.embedded.e2b.box.http1 import Handler, connection
from runner.embedded.e2b.front.certificates import Authority
from runner.embedded.e2b.front.peeking import first_byte

#: A TLS record of type handshake (RFC 8446, 5.1); no method of HTTP begins with it.
_HANDSHAKE = b"\x16"
_HANDSHAKE_SECONDS = 10.0
#: How long a connection may be silent before it says what it speaks: browsers open some to spare.
_FIRST_SECONDS = 60.0
_PAUSE = 0.1


class Door:
    """Accepts connections and hands their requests to a handler. Use `serve` as a task; cancel it to end."""

    def __init__(self, listener: socket.socket, handler: Handler, authority: Authority | None) -> None:
        """Without an authority, TLS is not spoken. `listener` must not block; it is closed at the end."""
        self._listener = listener
        self._handler = handler
        self._authority = authority
        self._entering: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Accept until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    accepted, _ = await loop.sock_accept(self._listener)
                except OSError:
                    await asyncio.sleep(_PAUSE)  # no descriptors left, or gone again: others may still be served
                    continue
                task = loop.create_task(self._enter(accepted))
                self._entering.add(task)
                task.add_done_callback(self._entering.discard)
        finally:
            self._listener.close()
            for task in self._entering:
                task.cancel()

    async def _enter(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            # Or else asyncio leaves Nagle's algorithm on, and every stream waits 40 ms.
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            secured = await first_byte(accepted, _FIRST_SECONDS) == _HANDSHAKE
        except OSError:
            accepted.close()  # gone, or silent for too long
            return
        except asyncio.CancelledError:
            accepted.close()
            raise
        if secured and self._authority is None:
            accepted.close()  # who means to speak TLS hears at once that it is not spoken here
            return
        context = self._authority.context() if secured and self._authority is not None else None
        wait = _HANDSHAKE_SECONDS if secured else None
        with suppress(OSError):  # a handshake that came to nothing
            await loop.connect_accepted_socket(
                lambda: connection(self._handler), accepted, ssl=context, ssl_handshake_timeout=wait
            )
