"""Who runs a run: so that a later process can tell a run that goes on from one whose process died."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path

from runner.compiler.canonical import Json

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """An id of this machine's uptime, "" where the system has none: a process id means nothing after a reboot."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def owner() -> dict[str, Json]:
    """The process that runs this code, as run documents name it: {"pid", "host", "boot"}."""
    return {"pid": os.getpid(), "host": platform.node(), "boot": boot_id()}


def is_alive(owner: Mapping[str, Json]) -> bool:
    """Whether the process that owns a run may still be alive. One on another machine gets the benefit of the doubt."""
    if owner.get("host") != platform.node():
        return True
    pid = owner.get("pid")
    if owner.get("boot") != boot_id() or not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
