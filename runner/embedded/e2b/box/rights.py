"""The rights of root in a box: the agent is started with a few, and gives up those that only its start needs.

What it gives up nobody in the box can get back (capabilities(7)): it goes from the bounding set too, and bubblewrap has
seen to it that no program gains rights by being started.
"""

from __future__ import annotations

import ctypes
import re
from contextlib import suppress
from pathlib import Path

_PR_CAPBSET_DROP = 24
_SETPCAP = 8
_VERSION = 0x20080522
_HELD = re.compile(r"^CapPrm:\t([0-9a-f]+)$", re.MULTILINE)


def narrow() -> None:
    """Leave only what root's commands may have; nothing where the agent has no rights at all. Raises OSError."""
    held = _held()
    if not held >> _SETPCAP & 1:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for number in range(_last() + 1):
        if number == _SETPCAP or not held >> number & 1:
            _check(libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0))
    kept = held & ~(1 << _SETPCAP)
    words = [word for half in (kept & 0xFFFFFFFF, kept >> 32) for word in (half, half, 0)]  # effective, permitted, none
    _check(libc.capset((ctypes.c_uint32 * 2)(_VERSION, 0), (ctypes.c_uint32 * 6)(*words)))


def _held() -> int:
    found = _HELD.search(Path("/proc/self/status").read_text())
    return int(found[1], 16) if found else 0


def _last() -> int:
    with suppress(OSError, ValueError):
        return int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    return 40


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), "the agent cannot give up its rights")
