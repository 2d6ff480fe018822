"""What a process that runs for long prints, in files that do not grow for ever.

`python -I -S rotation.py FILE BYTES KEPT` appends its input to FILE until it ends. Whenever FILE has reached BYTES, at
the end of a line, it becomes `FILE.1`, `FILE.1` becomes `FILE.2`, and of these KEPT are kept. A process of its own,
that heeds no signal to end: it is there until the last who writes has ended, also when whoever started both is killed.
Nothing is lost by the change of files; only what a full disk does not take, for a writer that had to wait for it would
hang. Only the standard library is used, and little of it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

#: Bytes in one file, and how many files are kept beside the one that is written.
LIMIT, KEPT = 8 * 2**20, 3
_CHUNK = 65_536


def shift(path: str | os.PathLike[str], kept: int = KEPT) -> None:
    """Make room for a new file: what is there becomes the first of those before it, the last of these is lost."""
    names = [os.fspath(path), *(f"{os.fspath(path)}.{number}" for number in range(1, kept + 1))]
    for number in range(kept, 0, -1):
        with contextlib.suppress(OSError):
            os.replace(names[number - 1], names[number])  # noqa: PTH105 - pathlib alone takes longer than all of this


def writer(path: str | os.PathLike[str], source: int, limit: int = LIMIT, kept: int = KEPT) -> subprocess.Popen[bytes]:
    """The process that appends what comes from a pipe to files, in a session of its own. Raises OSError."""
    import subprocess

    words = [sys.executable, "-I", "-S", __file__, os.fspath(path), str(limit), str(kept)]
    quiet = subprocess.DEVNULL
    env = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return subprocess.Popen(words, stdin=source, stdout=quiet, stderr=quiet, env=env, cwd="/", start_new_session=True)


class Files:
    """The file that is written, and those before it."""

    def __init__(self, path: str, limit: int, kept: int) -> None:
        self._path, self._limit, self._kept = path, limit, kept
        self._fd = -1
        self._size = 0

    def write(self, data: bytes) -> None:
        """Append it. A line goes into one file, unless it is longer than a file may be."""
        lines, end, rest = data.rpartition(b"\n")
        self._put(lines + end)
        if self._size >= self._limit and end:
            self._shift()
        self._put(rest)
        if self._size >= 2 * self._limit:
            self._shift()

    def _put(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            if self._fd < 0 or os.fstat(self._fd).st_nlink == 0:  # the first time, or somebody has removed it
                self._open()
            while data:
                done = os.write(self._fd, data)
                self._size += done
                data = data[done:]

    def _open(self) -> None:
        self._close()
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._size = os.fstat(self._fd).st_size

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._size = -1, 0

    def _shift(self) -> None:
        self._close()
        shift(self._path, self._kept)
        with contextlib.suppress(OSError):
            self._open()


def main(path: str, limit: int, kept: int) -> int:
    """Append standard input there until it ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    files = Files(path, limit, kept)
    while data := os.read(0, _CHUNK):
        files.write(data)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
