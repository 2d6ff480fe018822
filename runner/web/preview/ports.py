"""Which ports a box listens on, and who hears of new ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from runner.errors import BoxError
from runner.run.live import LiveBox, LiveBoxes
from runner.run.ports import Box, Command

#: Seconds between two looks at a box.
EVERY = 2.0
_COMMAND = Command("cat /proc/net/tcp /proc/net/tcp6 2>/dev/null", timeout=10)
_LISTEN = "0A"


async def listening(box: Box) -> frozenset[int] | None:
    """The ports that a box listens on now; None where it cannot be told. Raises BoxError."""
    known = getattr(box, "open_ports", None)
    if isinstance(known, frozenset):
        return known
    told = await box.run(_COMMAND)
    rows = [line.split() for line in told.stdout.splitlines()]
    # Columns of proc_net_tcp(5): the local address as `hex:hex`, the remote one, the state.
    found = [row[1].rpartition(":")[2] for row in rows if len(row) > 3 and row[3] == _LISTEN]
    return frozenset(int(port, 16) for port in found) if rows else None


class Lookout:
    """Looks at boxes again and again, and says which ports have opened since they were made."""

    def __init__(self, live: LiveBoxes, on_port: Callable[[LiveBox, int], None]) -> None:
        self._live = live
        self._on_port = on_port
        self._seen: dict[str, frozenset[int]] = {}
        self._new = asyncio.Event()

    def hear(self, _: LiveBox) -> None:
        """A box was made: look at it before its first command starts a server."""
        self._new.set()

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._new.wait()
            self._new.clear()

    async def look(self) -> None:
        """Look at every box once. The first look at a box is what it was born with: its provider's own servers."""
        boxes = self._live.all()
        self._seen = {each.box.id: self._seen[each.box.id] for each in boxes if each.box.id in self._seen}
        await asyncio.gather(*(self._look(each) for each in boxes))

    async def _look(self, live: LiveBox) -> None:
        with suppress(BoxError):  # a box that is gone has no ports; its run tells of it
            found = await listening(live.box)
            if found is None:
                return
            tells = isinstance(getattr(live.box, "open_ports", None), frozenset)
            known = self._seen.get(live.box.id, frozenset() if tells else found)
            self._seen[live.box.id] = known | found
            for port in sorted(found - known):
                self._on_port(live, port)
