"""Stopping every process of a box and letting them go on, by signals: for where no cgroup freezer can be had."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

#: States of /proc/PID/stat in which a process does nothing more by itself: stopped, traced, dead (proc(5)).
_STILL = "TtZX"
_STOPPED = "Tt"
#: Seconds that one process may take to stop: one in the middle of a write to a slow disk ends that first.
_LONGEST = 1.0


def stop(root: int) -> frozenset[int]:
    """Stop all descendants of a process; gives those that somebody had stopped before, for `resume` to leave alone.

    Process 1 of a pid namespace is stopped by its ancestors' SIGSTOP too (pid_namespaces(7)). What is forked while
    we look is found by looking again once all stand still: a stopped process forks no more.
    """
    before: set[int] = set()
    seen: set[int] = set()
    still = False
    deadline = time.monotonic() + _LONGEST
    while time.monotonic() < deadline:
        found = descendants(root)
        new = [pid for pid in found if pid not in seen]
        if still and not new:
            break
        seen.update(new)
        for pid in new:
            if _state(pid) in _STOPPED:
                before.add(pid)
            else:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
        still = all(_state(pid) in _STILL for pid in found)
    return frozenset(before)


def resume(root: int, before: frozenset[int]) -> None:
    """Let all descendants of a process go on, but for those that had been stopped `before`."""
    for pid in descendants(root):
        if pid not in before:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def descendants(root: int) -> list[int]:
    """All processes below one, parents first; it needs `/proc/PID/task/TID/children` (since Linux 4.2)."""
    found: list[int] = []
    todo = [root]
    while todo:
        children = _children(todo.pop(0))
        found += children
        todo += children
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += [int(word) for word in (thread / "children").read_text().split()]
    return found


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except OSError:
        return "X"
