"""Where the kernel itself does not hold boxes to their memory or disk: somebody who looks now and then.

Memory: when all processes of a box together have too much, the largest is killed. Counted is what is a process's alone
(resident without shared pages, so that no library counts twice); files in /dev/shm and /run are limited by the sizes of
their own file systems; nameless files (memfd) are not seen.

Disk: a box whose files have become too many cannot write any more (RLIMIT_FSIZE of 0: EFBIG or SIGXFSZ) until it has
removed some; one that goes on by other ways ends. All that takes as long as one look, in which it may write more. So
it is with the boxes that have a volume in which there is too much, on every rung: nothing else bounds volumes.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from runner.embedded.e2b.folders.contents import QUOTA
from runner.embedded.e2b.folders.state import used
from runner.embedded.e2b.limits.freezing import descendants
from runner.embedded.e2b.limits.limits import Confinement
from runner.embedded.e2b.walls.disk import Disk

_PAGE = os.sysconf("SC_PAGESIZE")
_MIB = 2**20
#: Seconds between two looks, and between two counts of all files though the host's disk is as full as before.
_EVERY = 0.25
_LONGEST = 30.0
#: Bytes that the host's disk must have lost until files are counted again.
_NOTICED = 16 * _MIB
_FAR_OVER = 1.25


class Watched(Protocol):
    """What is asked of a box: its first process (None when it has ended), its limits, its files, its volumes'."""

    @property
    def pid(self) -> int | None: ...

    @property
    def confinement(self) -> Confinement: ...

    @property
    def disk(self) -> Disk | None: ...

    @property
    def volumes(self) -> tuple[Path, ...]: ...


Some = TypeVar("Some", bound=Watched)


class Watch(Generic[Some]):
    """Looks after all boxes of an edge."""

    def __init__(self, folder: Path, *, memory: bool, disk: bool, quota: int = QUOTA) -> None:
        """What is to be looked at; `folder` lies on the host's disk that boxes' files are on; `quota` is a volume's."""
        self._folder = folder
        self._memory = memory
        self._disk = disk
        self._quota = quota
        self._task: asyncio.Task[None] | None = None
        self._full: set[int] = set()
        self._free = 0
        self._counted_at = 0.0

    def begin(self, boxes: Callable[[], Iterable[Some]], end: Callable[[Some, str], None]) -> None:
        """Look from now on, if there is anything to look at. `end` ends a box, with a reason."""
        if self._task is None and (self._memory or self._disk or any(box.volumes for box in boxes())):
            self._task = asyncio.get_running_loop().create_task(self._run(boxes, end))

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self, boxes: Callable[[], Iterable[Some]], end: Callable[[Some, str], None]) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            for box in await asyncio.to_thread(self.look, list(boxes())):
                volume = f", or a volume of {self._quota // _MIB} MiB," if box.volumes else ""
                end(box, f"it wrote more than its disk of {box.confinement.allowance.disk_mb} MiB{volume} holds")

    def look(self, boxes: Iterable[Some]) -> list[Some]:
        """Look once; gives the boxes that must end. Blocks."""
        over = []
        living = [(box, pid) for box in boxes if (pid := box.pid) is not None]
        self._full &= {pid for _, pid in living}
        shared = {folder for box, _ in living for folder in box.volumes}
        counting = (self._disk or bool(shared)) and self._worth_counting()
        sizes = {folder: used(folder) for folder in shared} if counting else {}
        for box, pid in living:
            if self._memory:
                relieve(pid, box.confinement.allowance.memory_mb * _MIB)
            if counting and self._count(box, pid, sizes):
                over.append(box)
        return over

    def _worth_counting(self) -> bool:
        free, now = shutil.disk_usage(self._folder).free, time.monotonic()
        if not self._full and abs(free - self._free) < _NOTICED and now - self._counted_at < _LONGEST:
            return False
        self._free, self._counted_at = free, now
        return True

    def _count(self, box: Some, pid: int, sizes: Mapping[Path, int]) -> bool:
        most = box.confinement.allowance.disk_mb * _MIB
        shares = [sizes[folder] / self._quota for folder in box.volumes]
        if self._disk and box.disk is not None:
            shares.append(box.disk.used() / most)
        share = max(shares, default=0.0)
        if share > 1:
            self._full.add(pid)
            limit_files(pid, 0)
        elif pid in self._full:
            self._full.discard(pid)
            limit_files(pid, most)
        return share > _FAR_OVER


def limit_files(root: int, most: int) -> None:
    """Let no process below `root` make a file longer than so many bytes."""
    for pid in descendants(root):
        with suppress(OSError):  # it has ended
            hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, hard))


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
