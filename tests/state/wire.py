"""A TCP proxy on loopback that delays, cuts and repeats, for clients that have to live with it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Wire:
    """One proxy. `delay` is in seconds, before each piece of an answer; `cut` says, for each such piece, whether the
    connection is cut in its place: the request has arrived then, and its answer never does. `twice` says, for each
    piece of a request, whether it is delivered twice.
    """

    port: int
    delay: Callable[[], float] = field(default=lambda: 0.0)
    cut: Callable[[], bool] = field(default=lambda: False)
    cuts: int = 0
    twice: Callable[[], bool] = field(default=lambda: False)
    repeated: int = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/rpc"


@asynccontextmanager
async def wire(target: int) -> AsyncIterator[Wire]:
    """A proxy to a port of this machine, until the block ends."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError):
                onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", target)
                try:
                    await _both(made, (reader, onward_writer), (onward_reader, writer))
                finally:
                    onward_writer.close()
        except asyncio.CancelledError:
            return  # the proxy ends
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made = Wire(server.sockets[0].getsockname()[1])
    try:
        yield made
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


_Side = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _both(made: Wire, there: _Side, back: _Side) -> None:
    async def forward() -> None:
        while data := await there[0].read(65536):
            there[1].write(data)
            if made.twice():
                made.repeated += 1
                there[1].write(data)
            await there[1].drain()

    async def answer() -> None:
        while data := await back[0].read(65536):
            await asyncio.sleep(made.delay())
            if made.cut():
                made.cuts += 1
                return
            back[1].write(data)
            await back[1].drain()

    ways = [asyncio.ensure_future(forward()), asyncio.ensure_future(answer())]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


def now_and_then(seed: int, share: float) -> Callable[[], bool]:
    """True for this share of the calls, the same ones for the same seed."""
    chance = random.Random(seed)
    return lambda: chance.random() < share
