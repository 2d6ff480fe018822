"""What the kernel tells of processes: how much memory they take, and who listens on a port."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_LISTENS = "0A"


def memory(pid: int) -> int | None:
    """Bytes of a process and all below it, pages that several share counted by their shares (PSS); None where the
    system does not tell.
    """
    found = [each for each in map(_share, below(pid)) if each is not None]
    return sum(found) if found else None


def below(pid: int) -> list[int]:
    """The process and all below it."""
    children: dict[int, list[int]] = {}
    for each in _PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int(each.read_text(errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(each.parent.name))
    found = [pid]
    for one in found:  # grows while it is gone through
        found += children.get(one, [])
    return found


def is_stopped(pid: int) -> bool:
    """Whether a signal (SIGSTOP, Ctrl-Z) or a debugger has stopped it."""
    try:
        return (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()[0] in "Tt"
    except (OSError, IndexError):
        return False


def age(ticks: int) -> float:
    """Seconds since a process started; `ticks` are the kernel's. Raises OSError."""
    return float((_PROC / "uptime").read_text().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")


def listener(port: int) -> tuple[int, str] | None:
    """The process that listens on a port of this machine, and its name; (0, "") when it is somebody else's, None when
    nobody does.
    """
    sockets = {f"socket:[{inode}]" for inode in _inodes(port)}
    if not sockets:
        return None
    for folder in _PROC.glob("[0-9]*/fd"):
        with contextlib.suppress(OSError):
            if any(str(each.readlink()) in sockets for each in folder.iterdir()):
                name = (folder.parent / "comm").read_text(errors="replace").strip()
                return int(folder.parent.name), name
    return 0, ""


def _inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == _LISTENS and int(words[1].rpartition(":")[2], 16) == port:
                    yield words[9]


def _share(pid: int) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return None
