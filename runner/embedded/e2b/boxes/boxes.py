"""The boxes of one edge: making, finding, keeping their time, ending."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

from runner.embedded.e2b.boxes.box import Box, Identity, Order
from runner.embedded.e2b.boxes.endings import Endings, rfc3339
from runner.embedded.e2b.limits.limits import Limits
from runner.embedded.e2b.limits.overuse import Watch
from runner.embedded.e2b.network.outward import Outward
from runner.embedded.e2b.walls.disk import Disks
from runner.embedded.e2b.walls.start import Walls, inherited, take_disk
from runner.embedded.e2b.walls.uids import uid_for
from runner.errors import SandboxMissing


class Boxes:
    """All live boxes."""

    def __init__(self, walls: Walls, folder: Path) -> None:
        self._walls = walls
        self._folder = folder
        self.limits = Limits(folder.parent)
        memory, disk = "memory" not in self.limits.controllers, walls.disks.rung == "folder"
        self._overuse: Watch[Box] = Watch(folder.parent, memory=memory, disk=disk)
        #: The way out of new boxes; None: they have none.
        self.outward: Outward | None = None
        self._number = 0
        self._live: dict[str, Box] = {}
        #: Those that have ended and whose processes and files are not gone yet.
        self._leaving: dict[str, Box] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._making: set[asyncio.Future[None]] = set()
        self._closed = False
        self.endings = Endings()
        #: Is told of every new end of a box's life.
        self.extended: Callable[[Box], None] = _nothing
        #: What is done with a box whose time is over.
        self.time_over: Callable[[Box], None] = self.end_in_time

    async def create(self, order: Order, identity: Identity | None = None) -> Box:
        """Make a box and wait until it answers; it is a new one, or one of old, as soon as what it was before is gone.

        Raises SandboxMissing, OSError.
        """
        made = asyncio.get_running_loop().create_future()
        self._making.add(made)
        identity = identity or Identity.new()
        try:
            if before := self._leaving.get(identity.id):
                await before.gone.wait()
            return await self._make(order, identity)
        finally:
            self._making.discard(made)
            made.set_result(None)

    async def _make(self, order: Order, identity: Identity) -> Box:
        self._number += 1
        confinement = self.limits.confine(identity.id, self.limits.allow(order.template))
        box = Box(order, self._number, self._folder, identity, confinement)
        try:
            self._refuse_when_closed()
            size = confinement.allowance.disk_mb
            disk = await asyncio.to_thread(take_disk, self._walls, self._number, size, order.template)
            box.start(self._walls, disk, self.outward)
            await box.ready()
            self._refuse_when_closed()
        except BaseException:
            box.stop()
            await asyncio.to_thread(box.clean)
            raise
        self._live[box.id] = box
        self._overuse.begin(self.all, self.kill)
        self.endings.forget(box.id)
        self.set_end(box, time.time() + order.timeout)
        self.spawn(self._bury(box))
        return box

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise SandboxMissing("the endpoint is ending and makes no more boxes")

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Do something beside; `close` waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _bury(self, box: Box) -> None:
        await box.ended.wait()
        self._forget(box)
        async with box.lock:
            await asyncio.to_thread(box.clean)
        self._leaving.pop(box.id, None)
        box.gone.set()

    def _forget(self, box: Box) -> None:
        if self._live.get(box.id) is box:
            del self._live[box.id]
            self._leaving[box.id] = box
            self.stop_clock(box)
            if box.reason:
                self.endings.note(box.id, box.reason, box.log)

    @property
    def literal(self) -> bool:
        """Whether files of boxes have the boxes' own user ids on the host too (0 is their root), or all are ours."""
        return self._walls.ranged

    @property
    def unlayered(self) -> str:
        """Why boxes can have no layers but the base; empty where they can."""
        return "" if self._walls.overlay else self._walls.why or "the kernel gives no overlayfs"

    @property
    def unshared(self) -> bool:
        """Whether each box is another user of the host, so that none could write what another has made."""
        return not self._walls.ranged and uid_for(0) is not None

    async def copy(self, box: Box, folder: Path, *, tmp: bool = True) -> None:
        """Make a layer of what a frozen box has written, and of its /tmp. Raises OSError."""
        if box.disk is None:
            raise OSError("it has no disk")
        await asyncio.to_thread(self._walls.disks.keep, box.disk, folder, tmp=tmp)

    @property
    def disks(self) -> Disks:
        """What boxes write."""
        return self._walls.disks

    @property
    def place(self) -> Path:
        """The edge's own folder."""
        return self._folder.parent

    @property
    def inherited(self) -> tuple[str, ...]:
        """The folders of a layer that are all there in the uppermost layer that has them."""
        return inherited(self._walls)

    def get(self, name: str) -> Box | None:
        """The live box of this id; it may be paused."""
        return self._live.get(name)

    def why(self, name: str) -> str:
        """Why no running box has this id, as the rest of a sentence: empty, or `: ` and the reason."""
        box = self._live.get(name)
        if box is None or box.paused_at is None:
            return self.endings.why(name)
        return f": it is paused since {rfc3339(box.paused_at)}; connecting to it lets it go on"

    def all(self) -> list[Box]:
        """All live boxes, paused ones too."""
        return list(self._live.values())

    def running(self) -> int:
        """How many run now; paused ones do not."""
        return sum(box.paused_at is None and not box.order.builder for box in self._live.values())

    def set_end(self, box: Box, when: float) -> None:
        """Let a box live until this Unix time."""
        self.stop_clock(box)
        box.ends_at = when
        self.extended(box)
        loop = asyncio.get_running_loop()
        self._timers[box.id] = loop.call_later(max(0.0, when - time.time()), self._ring, box)

    def stop_clock(self, box: Box) -> None:
        """Let a box live as long as nobody sets its end."""
        timer = self._timers.pop(box.id, None)
        if timer is not None:
            timer.cancel()

    def _ring(self, box: Box) -> None:
        self.time_over(box)

    def end_in_time(self, box: Box) -> None:
        """End a box because its time is over."""
        self.kill(box, f"its time (until {rfc3339(box.ends_at)}) was over")

    def kill(self, box: Box, reason: str = "") -> None:
        """End a box: from now on it is not found, and its running streams break. Without a `reason` it only rests."""
        box.stop(reason)
        self._forget(box)

    async def close(self) -> None:
        """End all boxes, those in the making too, and wait until they and their files are gone."""
        self._closed = True
        for box in self.all():
            self.kill(box, "the endpoint ended")
        while pending := self._making | self._tasks:
            await asyncio.wait(pending)
        await self._overuse.close()
        await asyncio.to_thread(self.limits.close)
        await asyncio.to_thread(self._walls.close)


def _nothing(_box: Box) -> None:
    return
