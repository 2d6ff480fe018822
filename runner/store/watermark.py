"""How far the log of an embedded store was acknowledged, kept apart from the log itself.

SurrealKV opens a damaged log by cutting it at the first bad record, silently: one flipped byte and every commit after
it is gone, heads and all, so that no hash chain could tell. We remember the length of the log after each
acknowledged commit in a small file beside the store. It is written after the log was flushed, so it can lag behind
(power loss) but never lead: a log shorter than its watermark has lost acknowledged commits. While the engine
opens, hard links keep the log as it was found, because the engine's repair replaces the files.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from runner.errors import StoreError

_WIDTH = 20


class Watermark:
    """The watermark of the store at `store`, in the file `<store>.mark`."""

    def __init__(self, store: Path) -> None:
        self._log = store / "clog"
        self._mark = store.with_name(f"{store.name}.mark")
        self._kept = store.with_name(f"{store.name}.opening")
        self._fd: int | None = None

    def begin(self) -> None:
        """Before the engine opens: keep the log as it is. Raises StoreError when bytes are missing already."""
        self._restore()  # a process died while it was opening
        if not self._log.is_dir():
            self._mark.unlink(missing_ok=True)  # a new store, or one whose folder was removed on purpose
            return
        self._compare()
        self._kept.mkdir(exist_ok=True)
        for file in self._log.iterdir():
            os.link(file, self._kept / file.name)

    def end(self) -> None:
        """After the engine opened: drop what was kept. When the engine cut acknowledged commits away, put the log back
        as it was found and raise StoreError; the engine must be closed then, and not used.
        """
        try:
            self._compare()
        except StoreError:
            self._restore()
            raise
        if self._kept.is_dir():
            shutil.rmtree(self._kept)  # must not stay: the next opening would take the log back to here

    def abandon(self) -> None:
        """The engine could not open: leave the log as it was found."""
        self._restore()

    def advance(self) -> None:
        """A commit was acknowledged: the log is good up to here."""
        if self._fd is None:
            self._fd = os.open(self._mark, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.pwrite(self._fd, f"{self._size():0{_WIDTH}d}\n".encode(), 0)

    def close(self) -> None:
        """Release the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _size(self) -> int:
        with os.scandir(self._log) as entries:
            return sum(entry.stat().st_size for entry in entries)

    def _compare(self) -> None:
        try:
            acknowledged = int(self._mark.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return  # never written, or torn by a power loss: nothing to hold against the log
        found = self._size()
        if found < acknowledged:
            raise StoreError(
                f"the state in {self._log.parent} is damaged: {acknowledged} bytes of log were acknowledged, "
                f"{found} are readable",
                f"Restore {self._log.parent.parent} from a backup; or, to accept the loss of the newest commits, "
                f"remove {self._mark}.",
            )

    def _restore(self) -> None:
        if not self._kept.is_dir():
            return
        for file in self._kept.iterdir():
            file.replace(self._log / file.name)
            file.unlink(missing_ok=True)  # rename does nothing between two links of one file
        self._kept.rmdir()
