"""How far the log of an embedded store was acknowledged, kept apart from the log itself.

SurrealKV writes the records of one transaction one after the other, each with its own checksum, and opens a log with a
bad record by cutting it there. Two wounds, both reproduced:

- After a full disk or a power loss in the middle of a commit, half of its transaction is there: a head, no event.
- One flipped byte, and every commit after it is gone without a word, heads and all: no hash chain could tell.

So we keep the length of the log after each acknowledged commit in a small file beside the store, flushed before the
commit is acknowledged. When a writer died, what lies beyond that length was never acknowledged, and is cut off
before the engine can make half a transaction of it. A log that is shorter, or becomes so because the engine cuts it, is
reported as damaged and left as it was found (hard links keep it while the engine opens: its repair replaces the files).
What somebody else appended after we had closed the store stays, for the hash chain to judge.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from runner.errors import StoreError

_WIDTH = 20
_WRITING, _CLOSED = "writing", "closed "


class Watermark:
    """The watermark of the store at `store`, in the file `<store>.mark`. Raises OSError where the disk does."""

    def __init__(self, store: Path) -> None:
        self._log = store / "clog"
        self._mark = mark_path(store)
        self._kept = store.with_name(f"{store.name}.opening")
        self._fd: int | None = None

    def begin(self) -> None:
        """Before the engine opens: cut off what was never acknowledged, and keep the log as it is then.

        Raises StoreError when acknowledged bytes are missing.
        """
        self._restore()  # a process died while it was opening
        if not self._log.is_dir():
            self._mark.unlink(missing_ok=True)  # a new store, or one whose folder was removed on purpose
            return
        self._check()
        self._cut()
        self._kept.mkdir(exist_ok=True)
        for file in self._log.iterdir():
            os.link(file, self._kept / file.name)

    def end(self) -> None:
        """After the engine opened: drop what was kept. When the engine cut acknowledged commits away, put the log back
        as it was found and raise StoreError; the engine must be closed then, and not used.
        """
        try:
            self._check()
        except StoreError:
            self._restore()
            raise
        if self._kept.is_dir():
            shutil.rmtree(self._kept)  # must not stay: the next opening would take the log back to here
        known = self._read()
        if known is not None and not known[1]:
            self._open()
            self.close(whole=True)  # the dead writer's half transaction is gone

    def abandon(self) -> None:
        """The engine could not open: leave the log as it was found."""
        self._restore()

    def before_write(self) -> None:
        """Tell a later opening that a writer was at work; only the first call after an opening costs anything."""
        if self._fd is None:
            fresh = not self._mark.exists()
            self.advance()
            if fresh:
                _flush_names(self._mark.parent)

    def advance(self) -> None:
        """The log is good up to here. Only after this returns may a commit be acknowledged."""
        self._write(self._open(), _WRITING)

    def close(self, *, whole: bool) -> None:
        """Release the file. `whole`: the last commit was acknowledged or refused, none was broken off."""
        if self._fd is None:
            return
        try:
            if whole:
                self._write(self._fd, _CLOSED)
        finally:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> int:
        if self._fd is None:
            self._fd = os.open(self._mark, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._fd

    def _write(self, fd: int, state: str) -> None:
        os.pwrite(fd, f"{self._size():0{_WIDTH}d} {state}\n".encode(), 0)
        os.fdatasync(fd)

    def _size(self) -> int:
        with os.scandir(self._log) as entries:
            return sum(entry.stat().st_size for entry in entries)

    def _read(self) -> tuple[int, bool] | None:
        """(acknowledged length, whether its writer closed the store)."""
        try:
            length, state = self._mark.read_text(encoding="ascii").split()
            return int(length), state == _CLOSED.strip()
        except (OSError, ValueError):
            return None  # removed on purpose, or never written: nothing to hold against the log

    def _check(self) -> None:
        known, found = self._read(), self._size()
        if known is not None and found < known[0]:
            folder = self._log.parent
            raise StoreError(
                f"the state in {folder} is damaged: of {known[0]} bytes of acknowledged log, {found} can be read",
                f"Restore {folder.parent} from a backup; or remove {self._mark} to go on without the newest commits.",
            )

    def _cut(self) -> None:
        known = self._read()
        if known is None or known[1]:
            return
        left = known[0]
        for file in sorted(self._log.iterdir()):
            size = file.stat().st_size
            if left == 0:
                file.unlink()
            elif size > left:
                os.truncate(file, left)
            left = max(left - size, 0)

    def _restore(self) -> None:
        if not self._kept.is_dir():
            return
        for file in self._kept.iterdir():
            file.replace(self._log / file.name)
            file.unlink(missing_ok=True)  # rename does nothing between two links of one file
        self._kept.rmdir()


def mark_path(store: Path) -> Path:
    """The file of the watermark of the store at `store`."""
    return store.with_name(f"{store.name}.mark")


def _flush_names(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
