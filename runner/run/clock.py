"""The real clock, and the two ways in which runner writes a moment down."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime


class SystemClock:
    """Time and chance of this machine (port `Clock`)."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        await asyncio.sleep(seconds)

    def random(self) -> float:
        """Uniform in [0, 1)."""
        return random.random()  # noqa: S311 - spreads retries, guards nothing


def iso(seconds: float) -> str:
    """Unix seconds as UTC, ISO 8601 with microseconds and `Z`: the `ts` of events."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> float:
    """What `iso` wrote, in Unix seconds."""
    return datetime.fromisoformat(text).timestamp()


def new_run_id(seconds: float, chance: float) -> str:
    """A run id that sorts by time: `YYYYMMDD-HHMMSS-xxxxxx` (UTC, six hexadecimal digits of chance in [0, 1))."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y%m%d-%H%M%S}-{int(chance * 16**6):06x}"
