"""Processes of the program under test, and whatever of them is left: nobody's child becomes this process's."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_SUBREAPER = 36
#: Seconds between two looks.
BEAT = 0.02


def adopt_orphans() -> None:
    """From now on, a process whose parent died becomes a child of this one, at any depth: so none can hide."""
    if ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "this process cannot adopt orphans")


def descendants() -> dict[int, str]:
    """The living processes below this one, with their command lines."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if fields[0] not in "ZX":
                    parents[int(folder.name)] = int(fields[1])
    below = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    return {pid: words(pid) for pid in below - {os.getpid()}}


def words(pid: int) -> str:
    """A process's command line."""
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def until(holds: Callable[[], bool], seconds: float) -> bool:
    """Whether something comes to hold within that time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(BEAT)
    return True


class Process:
    """A `runner` command: what it printed on standard output, line by line as it came, and how it ended."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        command = [sys.executable, "-m", "runner", *arguments]
        self.begun = time.monotonic()
        self._errors = (folder / "errors").open("ab")
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors, env=environment, cwd=folder
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            if raw.endswith(b"\n"):  # what is cut off was not told
                self.lines.append(raw.decode())

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        """The exit code; None while it lives."""
        return self._process.poll()

    def told(self) -> list[dict[str, Any]]:
        """The lines that are JSON documents."""
        found = []
        for line in tuple(self.lines):
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return [each for each in found if isinstance(each, dict)]

    def events(self) -> list[dict[str, Any]]:
        """The events that it printed: each was acknowledged by then."""
        return [each for each in self.told() if "hash" in each]

    def kill(self) -> bool:
        """kill -9; False when it had ended by itself."""
        was_alive = self.code is None
        self._process.send_signal(signal.SIGKILL)
        self.wait(10)
        return was_alive and self.code == -signal.SIGKILL

    def end(self) -> None:
        """SIGTERM, and SIGKILL when that is of no use."""
        if self.code is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(20)
        self.kill()

    def wait(self, seconds: float) -> int:
        """Its exit code, once all that it printed has been read. Raises TimeoutExpired."""
        code = self._process.wait(seconds)
        self._reader.join(5)
        if self._process.stdout is not None and not self._reader.is_alive():
            self._process.stdout.close()
        self._errors.close()
        return code
