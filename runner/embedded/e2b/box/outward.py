"""The box's end of the way out: a port on its loopback, whose connections are handed to the edge as they are."""

from __future__ import annotations

import socket

#: What the edge hears with each connection.
WORD = b"out"
_WAITING = 128


class Outward:
    """Accepts connections and passes them on over the control channel; it reads nothing of them."""

    def __init__(self, channel: socket.socket, port: int) -> None:
        """Raises OSError when the port cannot be had."""
        self._channel = channel
        self.listener = socket.create_server(("127.0.0.1", port), backlog=_WAITING)
        self.listener.setblocking(False)

    def readable(self) -> None:
        """Take up one connection. Where the edge does not keep up with them, it is closed again."""
        try:
            accepted, _ = self.listener.accept()
        except OSError:
            return
        with accepted:
            try:
                socket.send_fds(self._channel, [WORD], [accepted.fileno()])
            except OSError:
                return
