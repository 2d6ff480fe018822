"""Looking at what a client will say first, without taking it."""

from __future__ import annotations

import asyncio
import socket

from runner.embedded.e2b.box.http1 import fulfil


async def first_byte(plug: socket.socket, seconds: float) -> bytes:
    """The first byte that comes on a connection, empty at its end; it can still be read. Raises OSError."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()
    loop.add_reader(plug, fulfil, waiter)
    try:
        await asyncio.wait_for(waiter, seconds)
    finally:
        loop.remove_reader(plug)
    return plug.recv(1, socket.MSG_PEEK)
