"""What boxes' users can reach when the edge is root: a private view of the file tree, seen by nobody else.

As root the edge starts every box as a user of nobody's, who cannot walk through `/root` or another private folder,
where the interpreter or the state folder may lie. bubblewrap resolves its sources' paths as that user, also of open
descriptors.
So the edge takes a mount namespace of its own and binds those folders to a place that everybody can walk to.
"""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

from runner.embedded.e2b.uids import uid_for

_CLONE_NEWNS = 0x00020000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
#: Places that every Linux has (FHS), mostly empty; only an empty one is used, so that nothing is hidden.
_STAGES = ("/mnt", "/media", "/srv", "/opt")


class View:
    """Maps paths of the host to paths that boxes' users can walk to."""

    def __init__(self) -> None:
        self._stage: Path | None = None
        self._staged: dict[Path, Path] = {}

    def show(self, folder: Path, name: str, *, writable: bool = False) -> Path:
        """Make a folder reachable, where it is not; `name` tells it from others. Raises OSError.

        Only where boxes have users of their own; others run as ourselves and reach what we reach.
        """
        if uid_for(0) is None or _walkable(folder):
            return folder
        if self._stage is None:
            self._stage = _open_stage()
        place = self._stage / name
        place.mkdir()
        _mount(str(folder), str(place), None, _MS_BIND | _MS_REC)
        if not writable:
            _mount(None, str(place), None, _MS_BIND | _MS_REMOUNT | _MS_RDONLY)
        self._staged[folder] = place
        return place

    def seen(self, path: Path) -> Path:
        """A path as boxes' users reach it."""
        for folder, place in self._staged.items():
            if path.is_relative_to(folder):
                return place / path.relative_to(folder)
        return path


def _walkable(folder: Path) -> bool:
    return all(place.stat().st_mode & 0o001 for place in (folder, *folder.parents))


def _open_stage() -> Path:
    stages = [Path(each) for each in _STAGES]
    stage = next((each for each in stages if each.is_dir() and not any(each.iterdir())), None)
    if stage is None:
        raise OSError(errno.ENOENT, f"one of {', '.join(_STAGES)} must be an empty folder")
    _check(_libc().unshare(_CLONE_NEWNS), "unshare")
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    _mount("runner", str(stage), "tmpfs", 0, "mode=755,size=1m")
    return stage


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    words = [None if each is None else each.encode() for each in (source, target, kind)]
    _check(_libc().mount(*words, ctypes.c_ulong(flags), None if data is None else data.encode()), f"mount {target}")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
