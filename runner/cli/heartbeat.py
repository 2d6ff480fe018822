"""A process tells whoever keeps it that it is ready and that it lives: sd_notify(3), the protocol of systemd.

The keeper names a socket in `NOTIFY_SOCKET`, and in `WATCHDOG_USEC` the microseconds of silence after which it takes
the process for hung. So `runner up` looks after a worker as it does after a server, and so can systemd, with
`Type=notify` and `WatchdogSec=`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path

#: So many times in the time that may be silent: a busy machine is no dead process.
_BEATS = 20.0
_READY, _LIVES = b"READY=1", b"WATCHDOG=1"


class Heart:
    """Speaks for this process; to nobody where nobody asked. What was asked is taken out of the environment: it is not
    for processes that this one starts.
    """

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        place = environ.pop("NOTIFY_SOCKET", "")
        self._place = f"\0{place[1:]}" if place.startswith("@") else place
        silence, whose = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
        is_ours = whose in ("", str(os.getpid()))
        self._pause = int(silence) / 1e6 / _BEATS if silence.isdecimal() and is_ours else None

    def ready(self) -> None:
        """Say that the work has begun."""
        self._say(_READY)

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Say that this event loop goes round, as long as the block lasts."""
        task = asyncio.ensure_future(self._beats())
        try:
            yield
        finally:
            task.cancel()

    async def _beats(self) -> None:
        while self._pause is not None:
            self._say(_LIVES)
            await asyncio.sleep(self._pause)

    def _say(self, word: bytes) -> None:
        if not self._place:
            return
        # A keeper that is gone, or that does not listen for a while, is no reason to end or to wait.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.sendto(word, self._place)


class Ear:
    """Hears one process. Its socket lies among the temporary files: the path of a socket must be short."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="runner-stack-")
        self._path = Path(self._folder.name) / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(self._path))
        self._is_ready = False

    def environ(self, silence: float) -> dict[str, str]:
        """What the process is to be told; it is new, and not ready before it says so."""
        self.heard()
        self._is_ready = False
        return {"NOTIFY_SOCKET": str(self._path), "WATCHDOG_USEC": str(round(silence * 1e6))}

    def heard(self) -> bool:
        """Whether it has said something since the last time, once it has said that it is ready."""
        words: set[bytes] = set()
        with contextlib.suppress(BlockingIOError):
            while True:
                words.update(self._socket.recv(4096).split(b"\n"))
        self._is_ready = self._is_ready or _READY in words
        return self._is_ready and bool(words & {_READY, _LIVES})

    def close(self) -> None:
        """Hear nobody any more."""
        self._socket.close()
        self._folder.cleanup()
