"""What a service prints: a pipe, behind which a process of its own writes files that do not grow for ever."""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import subprocess
import termios
import time
from pathlib import Path

from runner import rotation

#: Seconds that the writer may take for what is in the pipe, and, when all is told, for its end.
_DRAINED, _ENDED = 2.0, 2.0
#: Seconds between a look into an empty pipe and the certainty that what was taken out of it is written.
_MOMENT = 0.05


class Output:
    """The file is new, those before it are kept. Both ends of the pipe are held here: when the writer is killed,
    another one takes its place, and the service loses nothing.
    """

    def __init__(self, path: Path, limit: int = rotation.LIMIT, kept: int = rotation.KEPT) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self._limit, self._kept = path, limit, kept
        rotation.shift(path, kept)
        path.touch()
        self._reads, self.fd = os.pipe()
        self._writer = rotation.writer(self.path, self._reads, limit, kept)

    @property
    def writer(self) -> int:
        """The process that writes."""
        return self._writer.pid

    def look(self) -> None:
        """Start a writer anew that has ended."""
        if self._writer.poll() is not None:
            self._writer = rotation.writer(self.path, self._reads, self._limit, self._kept)

    def renew(self) -> None:
        """Another writer, in case this one is why its service hangs."""
        self.drain()
        self._writer.kill()
        self._writer.wait()
        self.look()

    def drain(self) -> None:
        """Wait until what was printed is in the file."""
        deadline = time.monotonic() + _DRAINED
        waiting = array.array("i", [1])
        while waiting[0] and time.monotonic() < deadline:
            time.sleep(_MOMENT)
            fcntl.ioctl(self._reads, termios.FIONREAD, waiting)

    def close(self) -> None:
        """Let go, and wait a moment until all is written."""
        self.let_go()
        self.wait()

    def wait(self) -> None:
        """Wait a moment for the end of the writer, when nobody has the pipe any more."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._writer.wait(_ENDED)

    def let_go(self) -> None:
        """Hold the pipe no longer: the writer ends with the last of those who print."""
        os.close(self.fd)
        os.close(self._reads)
