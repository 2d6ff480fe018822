"""Boxes' disks: where what a box writes lies on the host, and what becomes of it.

| rung | when | a box that writes too much |
|---|---|---|
| image | the edge has a mount namespace, loop devices and mke2fs | finds its disk full, as on any machine |
| folder | else | is noticed by whoever watches `used` |
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runner.embedded.e2b.folders.state import remove, used
from runner.embedded.e2b.walls import images, mounts
from runner.embedded.e2b.walls.copying import copy_disk, walled
from runner.embedded.e2b.walls.layers import TOPS
from runner.records import dataclass

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Disk:
    """One box's disk as the edge sees it, users literal as in a layer (0 is the box's root, 1000 is `user`).

    `root` holds `up/<top>` (what the box has changed), `work/<top>` (overlayfs's own) and `tmp`; `image` is the file
    that it is mounted from, if it is; `total` is its size in bytes; `bwrap`: behind what its files are counted.
    """

    root: Path
    total: int
    image: Path | None = None
    bwrap: Path | None = None

    def up(self, top: str) -> Path:
        """What the box has changed below one of `TOPS`."""
        return self.root / "up" / top

    @property
    def tmp(self) -> Path:
        """The box's /tmp."""
        return self.root / "tmp"

    def used(self) -> int:
        """Bytes in use; at once for an image, else it takes as long as there are files."""
        if self.image is not None:
            found = os.statvfs(self.root)
            return (found.f_blocks - found.f_bfree) * found.f_frsize
        if self.bwrap is None:
            return used(self.root / "up", self.tmp)
        return used("/from/up", "/from/tmp", behind=walled(self.bwrap, self.root))


class Disks:
    """All disks of an edge. Its methods block and may be called by any thread."""

    def __init__(self, folder: Path, *, literal: bool, images: bool, bwrap: Path | None = None) -> None:
        """`literal`: users can be set as they are in a box; else a disk is one user's. `images`: by that rung. `bwrap`:
        behind what boxes' files are copied; None for root that may not mount.

        Raises OSError.
        """
        self._folder = folder
        self._literal = literal
        self._images = images
        self._bwrap = bwrap
        self._making = threading.Lock()
        self._taken: dict[Path, Disk] = {}
        folder.mkdir(exist_ok=True)
        # Where users are literal, so are setuid files: nobody of the host may reach them.
        folder.chmod(0o700 if literal else 0o711)

    @property
    def rung(self) -> str:
        """`image` or `folder`."""
        return "image" if self._images else "folder"

    def take(self, size_mb: int, uid: int | None = None) -> Disk:
        """A fresh disk of this many MiB, all of whose folders are this host user's if one is named. Raises OSError."""
        root = self._folder / secrets.token_hex(8)
        disk = Disk(root, size_mb * _MIB, root.with_suffix(".img") if self._images else None, self._bwrap)
        root.mkdir()
        self._taken[root] = disk
        try:
            if disk.image is not None:
                images.copy(self._blank(size_mb), disk.image)
                images.mount(disk.image, root)
            _furnish(disk, None if self._literal else uid, home=not self._literal)
        except BaseException:
            self.give_back(disk)
            raise
        return disk

    def _blank(self, size_mb: int) -> Path:
        """An image of this size with nothing on it, made once."""
        blank = self._folder / f"blank-{size_mb}.img"
        with self._making:
            if not blank.exists():
                beside = blank.with_suffix(".making")
                images.make(beside, size_mb)
                beside.rename(blank)
        return blank

    def give_back(self, disk: Disk) -> None:
        """Remove a disk and all on it; its box is dead."""
        if disk.image is not None:
            with suppress(OSError):  # it was not mounted yet
                mounts.detach(disk.root)
            disk.image.unlink(missing_ok=True)
        remove(disk.root)
        self._taken.pop(disk.root, None)

    @contextmanager
    def opened(self, disk: Disk, seconds: float) -> Iterator[None]:
        """The disk of a dead edge, to be read while the block lasts. For so many seconds it is waited for the kernel
        to let go of it. Blocks. Raises OSError.
        """
        if disk.image is None:
            yield
            return
        images.let_go(disk.image, seconds)
        images.mount(disk.image, disk.root)
        try:
            yield
        finally:
            mounts.detach(disk.root)

    def close(self) -> None:
        """Remove what nobody has given back, such as the disk of a box that was not waited for."""
        for disk in list(self._taken.values()):
            self.give_back(disk)

    def keep(self, disk: Disk, folder: Path, *, tmp: bool = False) -> None:
        """Make a layer of what a frozen or dead box has changed, and of its /tmp if asked. Raises OSError.

        `folder` must not be there yet, or be empty; it becomes whole or stays as it is.
        """
        beside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
        beside.mkdir(parents=True)
        try:
            copy_disk(self._bwrap, disk.root, beside, tmp=tmp)
            for top in TOPS:
                with suppress(OSError):
                    (beside / top).rmdir()  # nothing was changed there
            beside.chmod(0o700 if self._literal else 0o711)
            beside.rename(folder)
        except BaseException:
            remove(beside)
            raise


def _furnish(disk: Disk, owner: int | None, *, home: bool) -> None:
    """Make the folders of a fresh disk; all are `owner`'s if one is named. `home` says whether `user` needs one."""
    made = [disk.root / name / top for name in ("up", "work") for top in TOPS]
    made += [disk.up("home") / "user"] if home else []
    for folder in (*made, disk.tmp):
        folder.mkdir(parents=True)
        if owner is not None:
            os.chown(folder, owner, owner)
    disk.tmp.chmod(0o1777)
