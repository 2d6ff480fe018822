"""As whom boxes run on the host: when the edge is root, each as a user of its own that nobody else is."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

#: Far from people, services and containers' ranges; a container or another user namespace may not have them.
_FAR = range(1_900_000_000, 1_900_100_000)
_FEW = 1_000


def uid_for(number: int) -> int | None:
    """The host uid (and gid) of the edge's n-th box; None when boxes run as ourselves.

    That is so for everybody but root, and for a root that has no other users: the root of a user namespace that
    somebody made for himself, who on the host is that ordinary person.
    """
    uids = _uids() if os.getuid() == 0 else range(0)
    return uids[(os.getpid() * 64 + number) % len(uids)] if uids else None


@cache
def _uids() -> range:
    return common(*(Path(f"/proc/self/{name}_map").read_text() for name in ("uid", "gid")))


def common(uid_map: str, gid_map: str) -> range:
    """Numbers for boxes that are users and groups here, by `/proc/self/{uid,gid}_map` (user_namespaces(7))."""
    uids, gids = ([range(start, start + count) for start, _, count in _lines(text)] for text in (uid_map, gid_map))
    shared = [range(max(one.start, two.start), min(one.stop, two.stop)) for one in uids for two in gids]
    if any(_FAR.start in each and _FAR.stop in each for each in shared):
        return _FAR
    widest = max(shared, key=len, default=range(0))
    # The third quarter: people have low numbers, `nobody` and systemd's passing users high ones.
    return widest[len(widest) // 2 : len(widest) * 3 // 4] if len(widest) >= _FEW else range(0)


def _lines(text: str) -> list[list[int]]:
    return [[int(word) for word in line.split()] for line in text.splitlines()]
