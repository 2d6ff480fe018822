"""As whom boxes run on the host, when the edge is root.

Rung **range**: every box has a user namespace of its own with 65,536 users far away from all others, so that it has a
`root` and as many users as it likes, and none of them is anybody on the host. Where that cannot be had: each box as
one user of its own that nobody else is.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from runner.embedded.e2b.walls.mounts import CLONE_NEWUSER, check, libc

#: Users of one box, as many as every file system and every distribution's `subuid` knows.
WIDTH = 65_536
#: Far from people, services and containers' ranges (systemd's end at 1,879,048,191), and below the numbers that some
#: programs take for negative; a container or another user namespace may not have them.
_FAR = range(28_992 * WIDTH, 32_767 * WIDTH)
_FAR_SINGLE = range(1_900_000_000, 1_900_100_000)
# linux/prctl.h, linux/securebits.h: rights stay when the user changes.
_PR_SET_SECUREBITS, _NO_SETUID_FIXUP = 28, 4
_FEW = 1_000
_FEW_RANGES = 64


def uid_for(number: int) -> int | None:
    """The host uid (and gid) of the edge's n-th box of one user; None when boxes run as ourselves.

    That is so for everybody but root, and for a root that has no other users: the root of a user namespace that
    somebody made for himself, who on the host is that ordinary person.
    """
    return _nth(singles(*_maps()) if os.getuid() == 0 else range(0), number)


def base_for(number: int) -> int | None:
    """The host uid (and gid) that is user 0 of the edge's n-th box; None where there are no ranges to be had."""
    return _nth(bases(*_maps()) if os.getuid() == 0 else range(0), number)


def _nth(numbers: range, number: int) -> int | None:
    # Edges do not know of each other; a number used by two boxes of two edges is no way from one to the other.
    return numbers[(os.getpid() * 64 + number) % len(numbers)] if numbers else None


@cache
def _maps() -> tuple[str, str]:
    return Path("/proc/self/uid_map").read_text(), Path("/proc/self/gid_map").read_text()


def singles(uid_map: str, gid_map: str) -> range:
    """Numbers for boxes that are users and groups here, by `/proc/self/{uid,gid}_map` (user_namespaces(7))."""
    shared = _shared(uid_map, gid_map)
    if any(_within(_FAR_SINGLE, each) for each in shared):
        return _FAR_SINGLE
    widest = max(shared, key=len, default=range(0))
    # The third quarter: people have low numbers, `nobody` and systemd's passing users high ones.
    return widest[len(widest) // 2 : len(widest) * 3 // 4] if len(widest) >= _FEW else range(0)


def bases(uid_map: str, gid_map: str) -> range:
    """The first numbers of ranges for boxes, by the same two files."""
    shared = _shared(uid_map, gid_map)
    if any(_within(_FAR, each) for each in shared):
        return range(_FAR.start, _FAR.stop, WIDTH)
    widest = max(shared, key=len, default=range(0))
    start = -(-(widest.start + len(widest) // 2) // WIDTH) * WIDTH
    found = range(start, max(start, widest.stop - WIDTH + 1), WIDTH)
    return found if len(found) >= _FEW_RANGES else range(0)


def _within(inner: range, outer: range) -> bool:
    return outer.start <= inner.start and inner.stop <= outer.stop


def _shared(uid_map: str, gid_map: str) -> list[range]:
    uids, gids = ([range(start, start + count) for start, _, count in _lines(text)] for text in (uid_map, gid_map))
    return [range(max(one.start, two.start), min(one.stop, two.stop)) for one in uids for two in gids]


def _lines(text: str) -> list[list[int]]:
    return [[int(word) for word in line.split()] for line in text.splitlines()]


def namespace(base: int) -> int:
    """A descriptor of a new user namespace with the users from `base` on; takes 2 ms. Raises OSError.

    No namespace can be made in it by its own root: a new one would give back the rights that the box has not.
    """
    ours, theirs = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        _be_namespace(base, ours, theirs)
    try:
        for fd in (ours[1], theirs[0]):
            os.close(fd)
        if not os.read(ours[0], 1):
            raise OSError("a user namespace cannot be made")
        for name in ("uid", "gid"):
            Path(f"/proc/{pid}/{name}_map").write_text(f"0 {base} {WIDTH}\n")
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        for fd in (ours[0], theirs[1]):
            os.close(fd)
        os.waitpid(pid, 0)


def _be_namespace(base: int, telling: tuple[int, int], waiting: tuple[int, int]) -> None:
    """The life of the child: make the namespace, and hold it until the parent has it or is gone.

    It is made by the box's own user, with our rights: what the kernel counts by users (watches of files, pipes,
    signals) it counts for a namespace's maker too, and root would soon have used up the machine's share for all boxes.
    """
    try:
        os.close(telling[0])
        os.close(waiting[1])
        check(libc().prctl(_PR_SET_SECUREBITS, _NO_SETUID_FIXUP, 0, 0, 0), "prctl")
        os.setresuid(base, base, base)
        check(libc().unshare(CLONE_NEWUSER), "unshare")
        Path("/proc/sys/user/max_user_namespaces").write_text("0")
        os.write(telling[1], b"x")
        os.read(waiting[0], 1)
    finally:
        os._exit(0)


def enter(descriptor: int) -> None:
    """Become user 0 of a user namespace; for a child between fork and exec. Raises OSError."""
    check(libc().setns(descriptor, CLONE_NEWUSER), "setns")
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
