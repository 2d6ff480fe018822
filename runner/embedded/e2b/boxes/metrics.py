"""What boxes use: a sample of each running box every second, kept for a while, and one of now for whoever asks.

Where the kernel counts (control groups), a sample is a few reads of small files, and no box is woken for it. Where it
does not, the box's agent must add up its processes, so a box is then asked only now and then.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from runner.embedded.e2b.box.http1 import Body, Head, ProtocolError, close, read_head
from runner.embedded.e2b.boxes.box import ENVD_PORT, Box, BoxDead
from runner.embedded.e2b.boxes.endings import rfc3339
from runner.records import dataclass

#: Samples kept of each box: ten minutes of one in a second.
KEPT = 600
#: Seconds between two samples; between two of a box whose agent must count, and of files that must be counted.
_EVERY = 1.0
_ASKED = 10.0
_COUNTED = 10.0
#: Seconds for which a sample is good enough for whoever asks.
_FRESH = 0.5


@dataclass(frozen=True, slots=True)
class Sample:
    """At a Unix time: per cent of all the box's processors since the sample before; bytes of memory, of cache beside
    it, of disk.
    """

    when: float
    cpu: float
    memory: int
    cache: int
    disk: int

    def shown(self, box: Box) -> dict[str, Any]:
        """The vendor's `SandboxMetric`."""
        allowance = box.confinement.allowance
        return {
            "timestamp": rfc3339(self.when),
            "timestampUnix": int(self.when),
            "cpuCount": allowance.cpus,
            "cpuUsedPct": round(self.cpu, 2),
            "memUsed": self.memory,
            "memTotal": allowance.memory_mb * 1024 * 1024,
            "memCache": self.cache,
            "diskUsed": self.disk,
            "diskTotal": allowance.disk_mb * 1024 * 1024,
        }


class _Series:
    """The samples of one box, and what the next one is reckoned from."""

    def __init__(self, began: float) -> None:
        self.samples: deque[Sample] = deque(maxlen=KEPT)
        self.spent = 0.0
        self.when = began
        self.kills = 0
        self.disk = 0
        self.disk_at = 0.0

    def add(self, box: Box, spent: float, memory: int, cache: int) -> None:
        now, cpus = time.time(), box.confinement.allowance.cpus
        passed = max(0.001, now - max(self.when, box.running_since))
        used = 100 * max(0.0, spent - self.spent) / passed / cpus
        self.spent, self.when = spent, now
        self.samples.append(Sample(now, used, memory, cache, self.disk))


class Metrics:
    """The samples of all boxes."""

    def __init__(self) -> None:
        self._series: WeakKeyDictionary[Box, _Series] = WeakKeyDictionary()
        self._task: asyncio.Task[None] | None = None

    def begin(self, boxes: Callable[[], Iterable[Box]]) -> None:
        """Take samples from now on, until `end`."""
        self._task = asyncio.get_running_loop().create_task(self._run(boxes))

    async def end(self) -> None:
        """Take no more samples by itself."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def of(self, box: Box) -> list[Sample]:
        """All samples of a box in order, with one of now unless it is paused."""
        series = self._series_of(box)
        if _runs(box) and time.time() - series.when > (_FRESH if series.samples else 0.0):
            with suppress(BoxDead, ProtocolError, OSError):
                await self._take(box, series, asked=True)
        return list(series.samples)

    def _series_of(self, box: Box) -> _Series:
        return self._series.setdefault(box, _Series(box.running_since))

    async def _run(self, boxes: Callable[[], Iterable[Box]]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            for box in boxes():
                if _runs(box):
                    with suppress(BoxDead, ProtocolError, OSError):  # it has ended, or does not answer in time
                        await asyncio.wait_for(self._take(box, self._series_of(box), asked=False), _EVERY)
            await asyncio.sleep(max(_EVERY / 2, began + _EVERY - loop.time()))

    async def _take(self, box: Box, series: _Series, asked: bool) -> None:
        counted = box.confinement.usage()
        if counted is None and not asked and time.time() - series.when < _ASKED and series.samples:
            return
        kills = box.confinement.memory_kills()
        if kills > series.kills:
            box.log.say(f"out of memory: {kills - series.kills} of its processes killed by the kernel", "error")
            series.kills = kills
        await self._measure_disk(box, series, asked)
        if counted is not None:  # the kernel misses nobody
            series.add(box, counted.cpu_seconds, counted.memory, counted.cache)
        else:
            raw = await _ask(box)
            series.add(box, float(raw["cpu_seconds"]), int(raw["mem_used"]), 0)

    async def _measure_disk(self, box: Box, series: _Series, asked: bool) -> None:
        if box.disk is None:
            return
        if box.disk.image is not None:
            series.disk = box.disk.used()
        elif asked or time.time() - series.disk_at > _COUNTED:
            series.disk = await asyncio.to_thread(box.disk.used)
            series.disk_at = time.time()


def _runs(box: Box) -> bool:
    return box.paused_at is None and not box.ended.is_set()


async def _ask(box: Box) -> dict[str, Any]:
    reader, writer = await box.connect(ENVD_PORT)
    try:
        writer.write(Head("GET", "/metrics", "HTTP/1.1", [("Host", "box"), ("Connection", "close")]).encode())
        head = await read_head(reader)
        if head is None:
            raise BoxDead(box.id)
        raw: dict[str, Any] = json.loads(await Body.of_response(reader, head, "GET").read())
        return raw
    finally:
        await close(writer)
