"""Who runs a run: so that a later process can tell a run that goes on from one whose process died."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path

from runner.compiler.canonical import Json

_PROC = Path("/proc")
_BOOT = _PROC / "sys/kernel/random/boot_id"


def boot_id() -> str:
    """An id of this machine's uptime, "" where the system has none: a process id means nothing after a reboot."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def start_ticks(pid: int) -> int | None:
    """When a live process started, in clock ticks since boot; None when it is gone or a zombie.

    Together with the process id it names one process for ever, however often ids are used again.
    """
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
    return None if fields[0] in "ZX" else int(fields[19])


def owner() -> dict[str, Json]:
    """The process that runs this code, as run documents name it: {"pid", "host", "boot", "ticks"}."""
    return {"pid": os.getpid(), "host": platform.node(), "boot": boot_id(), "ticks": start_ticks(os.getpid())}


def is_alive(owner: Mapping[str, Json]) -> bool:
    """Whether the process that owns a run may still be alive. One on another machine gets the benefit of the doubt.

    A process that was killed and that nobody waited for (usual in containers) is dead, and so is one whose
    id has been given to another.
    """
    if owner.get("host") != platform.node():
        return True
    pid, ticks = owner.get("pid"), owner.get("ticks")
    if owner.get("boot") != boot_id() or not isinstance(pid, int):
        return False
    if isinstance(ticks, int):
        return start_ticks(pid) == ticks
    try:  # a system without /proc
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
