"""The edge's folders: one of its own, locked while it lives, removed when it ends (a dead edge's by the next one); and
one for what is kept, which stays.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType

from runner.embedded.e2b.folders import durable
from runner.errors import ServiceError

_PREFIX = "runner-e2b-"
_KEPT = "kept"
#: Seconds within which an edge has locked its new folder. One without a lock is of an edge that was killed when it
#: began, or while it removed the folder.
_BEGINNING = 60.0
#: Seconds between two looks at a folder that another endpoint has.
_LOOK = 0.05
#: Boxes' users pass through our folders to what is theirs, and cannot list them. An ordinary person's boxes are that
#: person on the host; nobody else shall come to their files, whose places the arguments of running programs tell.
_PASSED = 0o711 if os.geteuid() == 0 else 0o700


class StateFolder:
    """A fresh folder below `base` (default: the temporary folder). Use as a context manager.

    With `spare`, folders of dead edges stay until `clear_dead`.
    """

    def __init__(self, base: Path | None = None, *, spare: bool = False) -> None:
        self._spare = spare
        self._base = base if base is not None else Path(tempfile.gettempdir())
        self._lock = -1
        self.path = self._base

    def __enter__(self) -> StateFolder:
        """Raises ServiceError when nothing can be made there."""
        with _usable(self._base):
            self._base.mkdir(parents=True, exist_ok=True)
            if not self._spare:
                self.clear_dead()
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._base.resolve()))
        self.path.chmod(_PASSED)
        # Locked before it has its name: whoever finds a `lock` that it can take has found a dead edge's.
        self._lock = os.open(self.path / "locking", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        (self.path / "locking").rename(self.path / "lock")
        return self

    def __exit__(self, *_: object) -> None:
        remove(self.path)
        os.close(self._lock)

    def dead(self) -> list[Path]:
        """The folders below the base whose edges are dead."""
        with ExitStack() as stack:
            return list(self._dead(stack))

    def clear_dead(self) -> None:
        """Remove the folders below the base whose edges are dead."""
        with ExitStack() as stack:
            for folder in self._dead(stack):
                remove(folder)

    def _dead(self, stack: ExitStack) -> Iterator[Path]:
        """Each dead edge's folder, locked until the stack unwinds."""
        for folder in sorted(self._base.resolve().glob(f"{_PREFIX}*")):
            with suppress(OSError):
                if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                    continue
                if (folder / "lock").exists():
                    lock = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
                    stack.callback(os.close, lock)
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                elif folder.stat().st_mtime > time.time() - _BEGINNING:
                    continue
                yield folder


class KeptFolder:
    """The folder `kept` below `base`, for one endpoint at a time. Use as a context manager. For so many seconds of
    `patience` it waits for another endpoint to end, which may be putting its boxes there right now.
    """

    def __init__(self, base: Path, patience: float = 0.0) -> None:
        self.path = base / _KEPT
        self._lock = -1
        self._patience = patience

    def __enter__(self) -> KeptFolder:
        """Raises ServiceError when another endpoint has it, or nothing can be made there."""
        end = time.monotonic() + self._patience
        while True:
            with _usable(self.path):
                self.path.mkdir(parents=True, exist_ok=True)
                self.path.chmod(_PASSED)
                self.path = self.path.resolve()
                self._lock = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            if _taken(self._lock, self.path / "lock"):
                os.utime(self._lock)  # by this `clear_old` knows when it was last used
                return self
            os.close(self._lock)
            if time.monotonic() >= end:
                hint = "end that one, or give another --folder"
                raise ServiceError(f"another endpoint keeps its boxes in {self.path}", hint)
            time.sleep(_LOOK)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._lock)

    def clear(self) -> None:
        """Remove it, and the folder around it if nothing else is there; blocks. Nothing may be asked of it any more."""
        remove(self.path)
        with suppress(OSError):
            self.path.parent.rmdir()

    def key(self, name: str) -> bytes:
        """A random key that stays the same, in a file that only its owner can read. Raises OSError."""
        return durable.key(self.path / f"{name}.key", sync=True)


def _taken(lock: int, path: Path) -> bool:
    """Whether the lock was to be had, and is that of the folder which is there now: an endpoint may remove its own."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(lock), path.stat())
    except OSError:
        return False


def clear_old(places: Path, moment: float) -> None:
    """Remove the folders of endpoints below `places` that none has used since that Unix time; blocks."""
    for lock in places.glob(f"*/{_KEPT}/lock"):
        with suppress(OSError, ServiceError):
            if lock.stat().st_mtime < moment:
                with KeptFolder(lock.parents[1]) as folder:
                    folder.clear()


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "give a folder of yours with --folder, or make room in it"
        raise ServiceError(f"{folder} cannot hold an endpoint's files: {error.strerror}", hint) from error


def remove(folder: Path) -> None:
    """Remove a folder and all in it, also what a box has made unwritable for itself, or deeper than Python can go.

    A box that still lives may write there: nothing here goes by a path that was looked at before, but for chmod, which
    root has no need of.
    """
    with suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    for words in (*([] if os.geteuid() == 0 else [["chmod", "-Rf", "u+rwx"]]), ["rm", "-rf"]):
        if folder.exists():
            with suppress(OSError):
                subprocess.run([*words, "--", str(folder)], capture_output=True, check=False)


def used(*folders: Path | str, behind: Sequence[str] = ()) -> int:
    """The bytes that folders take on the disk, each file once; `behind` is a program that starts the one that counts.

    Blocks. It follows no links, however the tree changes meanwhile, and goes as deep as there are folders, where paths
    end before.
    """
    words = [*behind, "du", "-s", "-c", "-B1", "--", *map(str, folders)]
    done = subprocess.run(words, capture_output=True, check=False)
    total = done.stdout.rpartition(b"\t")[0].rpartition(b"\n")[2]
    return int(total) if total.isdigit() else 0
