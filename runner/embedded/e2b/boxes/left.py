"""What a killed endpoint leaves of its running boxes, and how the next one comes to their files.

Processes of a box end with its edge, whatever has killed that. Its disk stays where it was, in the edge's own folder:
beside it a durable endpoint notes for each box who it was, and until when it was to live (the time of that file). The
next endpoint of the same folder makes a layer of each such disk before the folder is removed: the box rests then, as
one that was paused with its files only.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from runner.embedded.e2b.boxes.box import Box
from runner.embedded.e2b.boxes.kept import Kept, Resting
from runner.embedded.e2b.boxes.shelf import as_files
from runner.embedded.e2b.walls.disk import Disk, Disks
from runner.errors import ServiceError
from runner.records import dataclass

_NOTES = "left"
#: Seconds that a dead edge's disks may take to be unmounted, as the kernel does behind its back.
_UNMOUNTED = 5.0


@dataclass(frozen=True, slots=True)
class Find:
    """A box of a dead edge: who it was, its disk, until when it was to live (Unix time)."""

    box: Resting
    disk: Disk
    until: float


class Notes:
    """An edge's notes about its running boxes."""

    def __init__(self, folder: Path, kept: Kept) -> None:
        """`folder` is the edge's own."""
        self._folder = folder / _NOTES
        self._kept = kept
        if kept.durable:
            self._folder.mkdir(mode=0o700, exist_ok=True)

    def note(self, box: Box) -> None:
        """Note a box that runs now, where that can be; blocks."""
        if not self._kept.durable or box.disk is None:
            return
        files = as_files(box, box.order.template, full=True)
        about = {"box": self._kept.packed(files), "disk": str(box.disk.root), "total": box.disk.total}
        about["image"] = box.disk.image is not None
        making = self._folder / f".{box.id}"
        with suppress(OSError):
            making.write_text(json.dumps(about))
            os.utime(making, (box.ends_at, box.ends_at))
            making.rename(self._folder / box.id)

    def extended(self, box: Box) -> None:
        """Note until when a box lives now."""
        with suppress(OSError):  # not noted yet
            os.utime(self._folder / box.id, (box.ends_at, box.ends_at))

    async def dropped_after(self, box: Box) -> None:
        """Forget a box once it has gone."""
        await box.gone.wait()
        (self._folder / box.id).unlink(missing_ok=True)


def find(dead: Iterable[Path], kept: Kept) -> Iterator[Find]:
    """The boxes that dead edges have left in these folders, and whose time is not over."""
    for folder in dead:
        for note in sorted((folder / _NOTES).glob("[!.]*")):
            with suppress(OSError, ValueError, KeyError, TypeError, ServiceError):
                until, about = note.stat().st_mtime, json.loads(note.read_bytes())
                root = Path(about["disk"])
                if until > time.time() and root.parent.parent == folder:
                    image = root.with_suffix(".img") if about["image"] else None
                    yield Find(kept.unpacked(about["box"]), Disk(root, about["total"], image), until)


def rescued(find: Find, disks: Disks, kept: Kept) -> Resting:
    """The box as one that rests, its files a layer of `kept`; blocks. Raises OSError."""
    making = kept.fresh()
    with disks.opened(find.disk, _UNMOUNTED):
        disks.keep(find.disk, making, tmp=True)
    kept.settle(making)
    template = replace(find.box.template, layers=(*find.box.template.layers, kept.place(making)))
    return replace(find.box, template=template, paused_at=time.time())
