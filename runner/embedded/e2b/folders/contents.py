"""What is in a volume, as its HTTP interface shows and changes it; every function blocks and raises OSError."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runner.embedded.e2b.folders.beneath import Tree, parts
from runner.embedded.e2b.folders.state import used
from runner.embedded.e2b.folders.volumes import USER

#: What one volume may hold, in bytes. Counted when something is written over HTTP, and while boxes have it.
QUOTA = 10 * 2**30
#: Seconds for which a count of a volume's bytes is good enough.
_FRESH = 5.0
_DEEPEST = 32
_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}


@dataclass(frozen=True, slots=True)
class Owner:
    """What an entry is to get: the box's user and group ids and the mode's bits; None for what it has."""

    uid: int | None = None
    gid: int | None = None
    mode: int | None = None


@dataclass(slots=True)
class Contents:
    """The files of one volume. Where ids are not `literal` everything belongs to ourselves, and is shown as what the
    box's user has.
    """

    folder: Path
    literal: bool
    _counted: float = field(default=float("-inf"), init=False)
    _bytes: int = field(default=0, init=False)

    @property
    def tree(self) -> Tree:
        """The folder as a root."""
        return Tree(self.folder)

    def entry(self, path: str) -> dict[str, Any]:
        """What a path is, as `VolumeEntryStat`."""
        words = parts(path)
        info = self.tree.stat(path)
        kind = _KINDS.get(stat.S_IFMT(info.st_mode), "unknown")
        told = {
            "name": words[-1] if words else "/",
            "type": kind,
            "path": "/" + "/".join(words),
            "size": info.st_size,
            "mode": stat.S_IMODE(info.st_mode),
            "uid": info.st_uid if self.literal else USER,
            "gid": info.st_gid if self.literal else USER,
            "atime": _rfc3339(info.st_atime),
            "mtime": _rfc3339(info.st_mtime),
            "ctime": _rfc3339(info.st_ctime),
        }
        return {**told, "target": self.tree.target(path)} if kind == "symlink" else told

    def listing(self, path: str, depth: int) -> list[dict[str, Any]]:
        """What is in a folder, and down to `depth` in the folders below."""
        found = []
        for name in self.tree.names(path):
            below = f"{path.rstrip('/')}/{name}"
            with suppress(FileNotFoundError):  # a box has just removed it
                entry = self.entry(below)
                found.append(entry)
                if entry["type"] == "directory" and 1 < depth <= _DEEPEST:
                    found += self.listing(below, depth - 1)
        return found

    def make_folder(self, path: str, owner: Owner, *, parents: bool) -> None:
        """Make a folder; with `parents` also those above it, and one that is there is good."""
        words = parts(path)
        for count in range(1 if parents else len(words), len(words) + 1):
            last = count == len(words)
            try:
                self._make_one("/".join(words[:count]), owner if last else Owner(owner.uid, owner.gid))
            except FileExistsError:
                if not parents or not stat.S_ISDIR(self.tree.stat("/".join(words[:count])).st_mode):
                    raise
        if not words and not parents:
            raise FileExistsError(errno.EEXIST, "the root is there", path)

    def _make_one(self, path: str, owner: Owner) -> None:
        with self.tree.parent(path) as (folder, name):
            os.mkdir(name, 0o755, dir_fd=folder)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(name, flags, dir_fd=folder)
        try:
            self._give(fd, _filled(owner, 0o755))
        finally:
            os.close(fd)

    def change(self, path: str, owner: Owner) -> None:
        """Give an entry another owner or mode."""
        fd = self.tree.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            self._give(fd, owner)
        finally:
            os.close(fd)

    def _give(self, fd: int, owner: Owner) -> None:
        if self.literal:
            os.chown(fd, *(-1 if each is None else each for each in (owner.uid, owner.gid)))
        if owner.mode is not None:
            os.fchmod(fd, owner.mode)  # after the owner: a change of owner takes the set-user-id bit away

    def remove(self, path: str) -> None:
        """Remove an entry with all below it."""
        self.tree.remove(path)
        self._counted = float("-inf")

    def open(self, path: str) -> int:
        """A descriptor of a regular file to read. Raises IsADirectoryError, OSError (EINVAL) for other kinds."""
        fd = self.tree.open(path, os.O_RDONLY)
        kind = os.fstat(fd).st_mode
        if stat.S_ISREG(kind):
            return fd
        os.close(fd)
        number = errno.EISDIR if stat.S_ISDIR(kind) else errno.EINVAL
        raise OSError(number, "not a regular file", path)

    @contextmanager
    def writing(self, path: str, owner: Owner, *, replace: bool) -> Iterator[int]:
        """A descriptor to write a file's new content to; the file has it all once the block ends, or is as it was."""
        with self.tree.parent(path) as (folder, name):
            fresh = f".{secrets.token_hex(8)}.upload"
            fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
            try:
                with suppress(FileNotFoundError):
                    owner = _kept(owner, os.stat(name, dir_fd=folder, follow_symlinks=False))
                yield fd
                self._give(fd, _filled(owner, 0o644))
                if replace:
                    os.rename(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)
                else:
                    os.link(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)
            finally:
                os.close(fd)
                with suppress(FileNotFoundError):
                    os.unlink(fresh, dir_fd=folder)

    def check_room(self, more: int) -> None:
        """Raise OSError (EDQUOT) when the volume cannot take so many bytes more."""
        if time.monotonic() - self._counted > _FRESH:
            self._bytes, self._counted = used(self.folder), time.monotonic()
        self._bytes += more
        if self._bytes > QUOTA:
            self._counted = float("-inf")
            raise OSError(errno.EDQUOT, f"the volume may hold {QUOTA} bytes")


def _filled(owner: Owner, mode: int) -> Owner:
    """What is made without a word belongs to the box's user."""
    uid, gid = (USER if each is None else each for each in (owner.uid, owner.gid))
    return Owner(uid, gid, mode if owner.mode is None else owner.mode)


def _kept(owner: Owner, before: os.stat_result) -> Owner:
    return Owner(
        before.st_uid if owner.uid is None else owner.uid,
        before.st_gid if owner.gid is None else owner.gid,
        stat.S_IMODE(before.st_mode) if owner.mode is None else owner.mode,
    )


def _rfc3339(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).isoformat().replace("+00:00", "Z")
