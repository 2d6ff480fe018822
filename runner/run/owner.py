"""Who runs a run: so that a later process can tell a run that goes on from one whose process died."""

from __future__ import annotations

import hashlib
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
    """The process that runs this code, as run documents name it: {"pid", "host", "boot", "ticks", "place"}."""
    return {"host": platform.node(), "boot": boot_id(), **label()}


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


def is_of_here(owner: Mapping[str, Json]) -> bool:
    """Whether a process can be looked at from here: it is one of this machine, since its last start, and has its id in
    the same namespace.
    """
    if "place" in owner:
        return owner["place"] == _place()
    return owner.get("host") == platform.node() and owner.get("boot") == boot_id()


# ---------------------------------------------------------------- as strangers see it


def label() -> dict[str, Json]:
    """The process that runs this code, as boxes carry it at their provider: {"place", "pid", "ticks"}."""
    return {"place": _place(), "pid": os.getpid(), "ticks": start_ticks(os.getpid())}


def is_dead(label: Mapping[str, Json]) -> bool:
    """Whether the process of a label was one of this place, and has certainly ended.

    Machines may have one name, containers one name and one kernel: only where name, boot and the namespace of process
    ids are this process's own does a process id say anything.
    """
    pid, ticks = label.get("pid"), label.get("ticks")
    if label.get("place") != _place() or not isinstance(pid, int) or not isinstance(ticks, int):
        return False
    return start_ticks(pid) != ticks and not _hidden(pid)


def _place() -> str:
    """A digest of this machine's name and boot, and of the namespace of its process ids; it tells none of them."""
    try:
        namespace = (_PROC / "self/ns/pid").readlink()
    except OSError:
        namespace = Path()
    return hashlib.sha256(f"{platform.node()}\0{boot_id()}\0{namespace}".encode()).hexdigest()[:32]


def _hidden(pid: int) -> bool:
    """Whether there is a process that this user may not look at: /proc can be mounted so."""
    if (_PROC / str(pid)).exists():
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
