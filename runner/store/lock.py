"""One process holds an embedded store at a time.

The engine itself takes no lock: two processes on one path corrupt each other. So we hold `flock` on a file beside
the store. The kernel frees it however the holder ends, so a file left by a killed process is no obstacle.
Somebody who only reads (`runner status`) is done in a moment: a writer waits for that, and refuses at once otherwise.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from runner.errors import StoreError, StoreLocked

#: Seconds that a writer waits for readers, and how long between two looks.
PATIENCE = 5.0
_LOOK = 0.02


class StoreLock:
    """An exclusive lock on `path`, whose content tells who holds it: pid, command, since (UTC), reading, serving.

    `serving`: whoever takes it with this object lets others work on the store, as the gateway does.
    """

    def __init__(self, path: Path, *, serving: bool = False) -> None:
        self.path = path
        self._serving = serving
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds it."""
        return self._fd is not None

    def acquire(self, *, reading: bool = False) -> None:
        """Take it. A reader never waits. Raises StoreLocked that names the holder, StoreError when the file cannot be
        used.
        """
        if self._fd is not None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"cannot use the lock {self.path}: {error.strerror}", "Choose another folder with --state DIR."
            ) from error
        deadline = time.monotonic() + (0.0 if reading else PATIENCE)
        while not _taken(fd):
            holder = os.pread(fd, 4096, 0)
            if time.monotonic() >= deadline or not _brief(holder):
                os.close(fd)
                raise _locked(self.path, holder)
            time.sleep(_LOOK)
        self._fd = fd
        self._sign(fd, reading)

    def release(self) -> None:
        """Give it back; nothing happens when it is not held. The file stays: removing it would be a race."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None

    def is_served(self) -> bool:
        """Whether whoever holds it lets others work on the store, is about to, or did so until now."""
        try:
            return json.loads(self.path.read_bytes()).get("serving") is True
        except (OSError, ValueError, AttributeError):
            return False

    def _sign(self, fd: int, reading: bool) -> None:
        since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:2]])  # later arguments may hold values of inputs
        about = {"pid": os.getpid(), "command": command, "since": since, "reading": reading, "serving": self._serving}
        text = json.dumps(about).encode()
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, text + b"\n", 0)
        except OSError:  # a full disk: the lock holds all the same, only its name tag is missing
            return


def _taken(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _brief(content: bytes) -> bool:
    """Whether the holder will be gone in a moment, or has not signed yet."""
    try:
        return not content or json.loads(content).get("reading") is True
    except (ValueError, AttributeError):
        return False


def _locked(path: Path, content: bytes) -> StoreLocked:
    try:
        holder = json.loads(content)
        who = f"process {int(holder['pid'])} ({holder['command']}, since {holder['since']})"
        remedy = (
            f"Wait for it to end, stop it with `kill {int(holder['pid'])}`, or use another folder with --state DIR."
        )
    except (ValueError, KeyError, TypeError):  # written by nobody we know, or half written
        who, remedy = "another process", "Wait for it to end, or use another folder with --state DIR."
    return StoreLocked(f"the state in {path.parent} is in use by {who}", remedy)
