"""Mounts that only the edge and the boxes it starts can see, by the kernel's own calls.

As root the edge has a mount namespace of its own: what it mounts is seen by nobody else and is gone when it ends, also
by `kill -9`. There it keeps a **stage**, a folder that everybody can walk to: bubblewrap runs as the box's user, who
cannot walk through `/root` or another private folder, and resolves the paths of its sources as that user.

Facts: mount_setattr(2), open_tree(2), move_mount(2); the three have the same numbers on every architecture.
"""

from __future__ import annotations

import ctypes
import errno
import os
import threading
from functools import cache
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
_MS_NOSUID, _MS_NODEV, _MS_NOATIME = 2, 4, 1024
_MNT_DETACH = 2
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_AT_FDCWD, _AT_EMPTY_PATH = -100, 0x1000
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, 0x80000
_MOVE_MOUNT_F_EMPTY_PATH = 4
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV, _ATTR_IDMAP = 1, 2, 4, 0x100000
#: Places that every Linux has (FHS), mostly empty; only an empty one is used, so that nothing is hidden. Their names
#: are short, which leaves room for layers: an overlay's folders must be named on one page.
_STAGES = ("/mnt", "/media", "/srv", "/opt")


class _Attributes(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("namespace", ctypes.c_uint64),
    )


@cache
def libc() -> ctypes.CDLL:
    """The C library, whose calls leave their error for `check`."""
    return ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> int:
    """The result of a call of the C library. Raises OSError when it is an error; `what` says what was tried."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def bind(source: Path, target: Path, *, writable: bool = False) -> None:
    """Show a folder at another place too. Raises OSError."""
    _mount(str(source), target, None, _MS_BIND | _MS_REC)
    if not writable:
        _mount(None, target, None, _MS_BIND | _MS_REMOUNT | _MS_RDONLY)


def idmapped(source: Path, target: Path, namespace: int, *, writable: bool = False) -> None:
    """Show a folder at another place with its users translated into those of a user namespace (a descriptor).

    What user 0 owns there is owned by the namespace's user 0 here. Raises OSError, also where the file system cannot.
    """
    tree = check(
        libc().syscall(_OPEN_TREE, _AT_FDCWD, os.fsencode(source), _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC),
        f"open {source}",
    )
    try:
        wanted = _ATTR_IDMAP | _ATTR_NOSUID | _ATTR_NODEV | (0 if writable else _ATTR_RDONLY)
        attributes = _Attributes(wanted, 0, 0, namespace)
        size = ctypes.sizeof(attributes)
        check(
            libc().syscall(_MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH, ctypes.byref(attributes), size),
            f"translate the users of {source}",
        )
        check(
            libc().syscall(_MOVE_MOUNT, tree, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH),
            f"mount {target}",
        )
    finally:
        os.close(tree)


def filesystem(device: Path, target: Path, kind: str, options: str) -> None:
    """Mount a file system; nothing on it gives rights or is a device. Raises OSError."""
    _mount(str(device), target, kind, _MS_NOSUID | _MS_NODEV | _MS_NOATIME, options)


def detach(target: Path) -> None:
    """Take a mount and all below it away from the tree; whoever uses it goes on. Raises OSError."""
    check(libc().umount2(os.fsencode(target), _MNT_DETACH), f"unmount {target}")


def _mount(source: str | None, target: Path, kind: str | None, flags: int, data: str | None = None) -> None:
    words = [None if each is None else os.fsencode(each) for each in (source, target, kind)]
    check(libc().mount(*words, ctypes.c_ulong(flags), None if data is None else data.encode()), f"mount {target}")


class Stage:
    """The edge's stage; `own` tells whether there is one. Without one everybody reaches what the edge reaches."""

    def __init__(self, spare: Path | None) -> None:
        """Take a mount namespace of our own and open the stage in it; `spare` is a folder of ours to open it on if
        there is no better place. None: no stage. Raises OSError.

        Threads that run already would stay outside, so there must be none.
        """
        self.own = spare is not None
        if spare is not None and threading.active_count() > 1:
            raise RuntimeError("the stage is opened before the first thread is started")
        self._path = Path("/") if spare is None else _open_stage(spare)
        self._staged: dict[Path, Path] = {}

    def close(self) -> None:
        """Take the stage away; the boxes must have ended. Raises OSError."""
        if self.own:
            detach(self._path)

    def show(self, folder: Path, name: str) -> Path:
        """Make a folder reachable, read-only, where it is not; `name` tells it from others. Raises OSError."""
        if not self.own or walkable(folder):
            return folder
        place = self._path / name
        place.mkdir()
        bind(folder, place)
        self._staged[folder] = place
        return place

    def seen(self, path: Path) -> Path:
        """A path as boxes' users reach it."""
        for folder, place in self._staged.items():
            if path.is_relative_to(folder):
                return place / path.relative_to(folder)
        return path

    def open(self, name: str) -> Scene:
        """A place for one box's mounts. Raises OSError."""
        if not self.own:
            return Scene(None)
        place = self._path / name
        place.mkdir()
        _mount("runner", place, "tmpfs", 0, "mode=755,size=64k")
        return Scene(place)


class Scene:
    """The mounts that one box is made from. When it has been made they can go: it has taken what it needs."""

    def __init__(self, place: Path | None) -> None:
        self._place = place
        self._count = 0

    def show(self, folder: Path, namespace: int | None, *, writable: bool = False) -> Path:
        """Put a folder on the stage, its users translated if there is a namespace. Raises OSError.

        Without a stage the folder is where it is.
        """
        if self._place is None:
            return folder
        self._count += 1
        target = self._place / str(self._count)
        target.mkdir()
        if namespace is None:
            bind(folder, target, writable=writable)
        else:
            idmapped(folder, target, namespace, writable=writable)
        return target

    def close(self) -> None:
        """Take all of it away; twice is as good as once. Raises OSError."""
        if self._place is not None:
            detach(self._place)
            self._place.rmdir()
            self._place = None


def walkable(folder: Path) -> bool:
    """Whether everybody can walk to a folder."""
    return all(place.stat().st_mode & 0o001 for place in (folder, *folder.parents))


def _open_stage(spare: Path) -> Path:
    stages = [Path(each) for each in _STAGES]
    stage = next((each for each in stages if each.is_dir() and not any(each.iterdir())), spare)
    if not walkable(stage):
        raise OSError(errno.EACCES, f"not everybody can walk to {stage}, and none of {', '.join(_STAGES)} is empty")
    check(libc().unshare(CLONE_NEWNS), "unshare")
    _mount(None, Path("/"), None, _MS_REC | _MS_PRIVATE)
    _mount("runner", stage, "tmpfs", 0, "mode=755,size=4m")
    return stage
