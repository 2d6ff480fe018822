"""How far the log of an embedded store was acknowledged, kept apart from the log itself.

SurrealKV writes the records of one transaction one after the other, each with its own checksum, and opens a log with a
bad record by cutting it there. Two wounds, both reproduced:

- After a full disk or a power loss in the middle of a commit, half of its transaction is there: a head, no event.
- One flipped byte, and every commit after it is gone without a word, heads and all: no hash chain could tell.

So we keep the length of the log after each acknowledged commit in a small file beside the store. A log that is
shorter, or becomes so because the engine cuts it, is reported as damaged and left as it was found (hard links keep it
while the engine opens: its repair replaces the files). What lies beyond depends on how the last writer ended:

- It closed the store: somebody else appended it, and it stays, for the hash chain to judge.
- It died, and the machine did not: the length is exact, and what lies beyond was never acknowledged. It is cut off.
- The machine went down: the length may lag behind, since a flush per commit would double its price. What lies
  beyond is `doubtful`: the caller looks whether its end is whole and calls `shorten` until it is.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from runner.errors import StoreError
from runner.records import dataclass
from runner.run.owner import boot_id

_WIDTH = 20
_WRITING, _CLOSED, _MAKING = "writing", "closed ", "making "


@dataclass(frozen=True, slots=True)
class _Mark:
    """What the file says: acknowledged length, how the writer stands, the uptime it was written in."""

    length: int
    state: str
    boot: str

    @property
    def closed(self) -> bool:
        return self.state == _CLOSED.strip()


class Watermark:
    """The watermark of the store at `store`, in the file `<store>.mark`. Raises OSError where the disk does."""

    def __init__(self, store: Path) -> None:
        self._log = store / "clog"
        self._manifest = store / "manifest"
        self._mark = _mark_path(store)
        self._kept = store.with_name(f"{store.name}.opening")
        self._fd: int | None = None
        self._boot = boot_id() or "-"
        #: What lies beyond the watermark may be acknowledged or half a transaction.
        self.doubtful = False

    def begin(self) -> None:
        """Before the engine opens: cut off what was never acknowledged, and keep the log as it is then.

        Raises StoreError when acknowledged bytes are missing.
        """
        self._restore()  # a process died while it was opening
        self._clear()
        if not is_store(self._log.parent):
            # A new store, or one whose folder was removed on purpose.
            self._write(self._open(), _MAKING, flush=True)
            self.close(whole=False)
            return
        self._check()
        self._judge()
        if self._log.is_dir():
            self._kept.mkdir(exist_ok=True)
            for file in self._log.iterdir():
                os.link(file, self._kept / file.name)

    def shorten(self) -> None:
        """The end of a doubtful log is not whole: take its last record away. The engine must be closed."""
        last = max(file for file in self._log.iterdir() if file.stat().st_size)
        os.truncate(last, last.stat().st_size - 1)  # the engine drops a record that is not complete
        self._check()

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
        mark = self._read()
        if mark is not None and not mark.closed:
            self._open()
            self.close(whole=True)  # the dead writer's half transaction is gone
        self.doubtful = False

    def abandon(self) -> None:
        """The engine could not open: leave the log as it was found."""
        self._restore()
        self._clear()

    def before_write(self) -> None:
        """Tell a later opening that a writer was at work; only the first call after an opening costs anything."""
        if self._fd is None:
            fresh = not self._mark.exists()
            self._write(self._open(), _WRITING, flush=True)
            if fresh:
                _flush_names(self._mark.parent)

    def advance(self) -> None:
        """The log is good up to here. Only after this returns may a commit be acknowledged."""
        self._write(self._open(), _WRITING, flush=False)

    def close(self, *, whole: bool) -> None:
        """Release the file. `whole`: the last commit was acknowledged or refused, none was broken off."""
        if self._fd is None:
            return
        try:
            if whole:
                self._write(self._fd, _CLOSED, flush=True)
        finally:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> int:
        if self._fd is None:
            self._fd = os.open(self._mark, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._fd

    def _write(self, fd: int, state: str, *, flush: bool) -> None:
        os.pwrite(fd, f"{self._size():0{_WIDTH}d} {state} {self._boot}\n".encode(), 0)
        if flush:
            os.fdatasync(fd)

    def _clear(self) -> None:
        """Remove what is there of a store whose making was broken off: the engine cannot open it. Nothing else."""
        mark = self._read()
        if mark is not None and mark.state == _MAKING.strip():
            shutil.rmtree(self._log, ignore_errors=True)
            shutil.rmtree(self._manifest, ignore_errors=True)

    def _size(self) -> int:
        if not self._log.is_dir():
            return 0
        with os.scandir(self._log) as entries:
            return sum(entry.stat().st_size for entry in entries)

    def _read(self) -> _Mark | None:
        try:
            length, state, boot = self._mark.read_text(encoding="ascii").split()
            return _Mark(int(length), state, boot)
        except (OSError, ValueError):
            return None  # removed on purpose, or never written: nothing to hold against the log

    def _check(self) -> None:
        mark, found = self._read(), self._size()
        if mark is not None and found < mark.length:
            folder = self._log.parent
            raise StoreError(
                f"the state in {folder} is damaged: of {mark.length} bytes of acknowledged log, {found} can be read",
                f"Restore {folder.parent} from a backup; or remove {self._mark} to go on without the newest commits.",
            )

    def _judge(self) -> None:
        """Decide what to do with what lies beyond the acknowledged length."""
        mark = self._read()
        if mark is None or mark.closed or not self._log.is_dir():
            return
        if mark.boot == self._boot:
            self._cut(mark.length)
        else:
            self.doubtful = True

    def _cut(self, left: int) -> None:
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


def is_store(path: Path) -> bool:
    """Whether the folder `path` holds a store, damaged or not."""
    return (path / "clog").is_dir() or (path / "manifest").is_dir()


def copy_store(store: Path, target: Path) -> None:
    """Copy a store that is being written, as it was at one moment."""
    try:
        # First: up to this length the log is whole, whatever is being written meanwhile; the copy ends there.
        mark = _mark_path(store).read_text(encoding="ascii").replace(_CLOSED, _WRITING)
        _mark_path(target).write_text(mark, encoding="ascii")
    except FileNotFoundError:
        pass  # its writer is making it just now
    shutil.copytree(store, target)


def _mark_path(store: Path) -> Path:
    return store.with_name(f"{store.name}.mark")


def _flush_names(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
