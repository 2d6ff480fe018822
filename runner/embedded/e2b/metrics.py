"""What a box uses: samples taken when somebody asks, each against the one before."""

from __future__ import annotations

import json
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

from runner.embedded.e2b.box.http1 import Body, Head, ProtocolError, close, read_head
from runner.embedded.e2b.boxes import ENVD_PORT, Box, BoxDead
from runner.embedded.e2b.limits import Allowance

_KEPT = 720
#: Seconds for which a sample is good enough.
_FRESH = 0.5


class Metrics:
    """The samples of all boxes."""

    def __init__(self) -> None:
        self._samples: WeakKeyDictionary[Box, deque[dict[str, Any]]] = WeakKeyDictionary()
        self._before: WeakKeyDictionary[Box, tuple[float, float]] = WeakKeyDictionary()

    async def of(self, box: Box) -> list[dict[str, Any]]:
        """All samples of a box in order, with one of now unless it is paused."""
        samples = self._samples.setdefault(box, deque(maxlen=_KEPT))
        if box.paused_at is None and (not samples or time.time() - self._before[box][0] > _FRESH):
            try:
                raw = await _ask(box)
            except (BoxDead, ProtocolError, ConnectionError):
                return list(samples)
            counted = box.confinement.usage()
            if counted is not None:  # the kernel misses nobody; the agent's sums miss whom its children reaped
                raw |= {"cpu_seconds": counted.cpu_seconds, "mem_used": counted.memory, "mem_cache": counted.cache}
            then, spent = self._before.get(box, (box.started_at, 0.0))
            self._before[box] = (raw["ts"], raw["cpu_seconds"])
            percent = 100 * max(0.0, raw["cpu_seconds"] - spent) / max(0.001, raw["ts"] - then)
            samples.append(_sample(raw, percent, box.confinement.allowance))
        return list(samples)


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


def _sample(raw: dict[str, Any], percent: float, allowance: Allowance) -> dict[str, Any]:
    return {
        "timestamp": datetime.fromtimestamp(raw["ts"], UTC).isoformat().replace("+00:00", "Z"),
        "timestampUnix": int(raw["ts"]),
        "cpuCount": allowance.cpus,
        # Of all its processors together, as the vendor's agent counts.
        "cpuUsedPct": round(percent / allowance.cpus, 2),
        "memUsed": int(raw["mem_used"]),
        "memTotal": allowance.memory_mb * 1024 * 1024,
        "memCache": int(raw.get("mem_cache", 0)),
        "diskUsed": int(raw["disk_used"]),
        "diskTotal": allowance.disk_mb * 1024 * 1024,
    }
