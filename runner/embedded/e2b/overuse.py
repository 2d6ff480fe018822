"""Where no control group limits memory: the sum over a box's processes, looked at from outside now and then.

Counted is what is a process's alone (resident without shared pages, so that no library counts twice). Files in
/dev/shm and /run are limited by the sizes of their own file systems.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from runner.embedded.e2b.freezing import descendants

_PAGE = os.sysconf("SC_PAGESIZE")


def resident(pid: int, proc: Path = Path("/proc")) -> int:
    """Bytes of memory that are this process's alone; 0 when it is gone (proc(5), statm)."""
    try:
        words = (proc / f"{pid}/statm").read_text().split()
        return max(0, int(words[1]) - int(words[2])) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


def relieve(root: int, limit: int) -> int | None:
    """Kill the largest process below `root` when all together have more than `limit` bytes; its id if so.

    Neither `root`, which is bubblewrap, nor its child, which is the agent, is ever chosen.
    """
    everyone = descendants(root)
    sizes = {pid: resident(pid) for pid in everyone}
    others = [pid for pid in everyone[1:] if sizes[pid]]
    if sum(sizes.values()) <= limit or not others:
        return None
    largest = max(others, key=lambda pid: sizes[pid])
    with suppress(ProcessLookupError):
        os.kill(largest, signal.SIGKILL)
    return largest
