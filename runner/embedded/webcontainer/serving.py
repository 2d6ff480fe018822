"""Servers on loopback inside this process: uvicorn without its signals and logs, and engines that fail on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from runner.errors import ServiceError

_STOP_SECONDS = 2


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals are the caller's."""
        yield


def listen(port: int) -> socket.socket:
    """A listener on 127.0.0.1; 0 is any free port. Raises ServiceError when the port cannot be had."""
    # With its protocol named, or asyncio leaves Nagle's algorithm on: each small answer would take 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        why = f"port {port} on 127.0.0.1 cannot be had: {error.strerror}"
        raise ServiceError(why, "take port 0 for any free one") from error
    listener.setblocking(False)
    return listener


@asynccontextmanager
async def serving(app: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    """Serve an application on a listener, which is closed afterwards, until the block ends."""
    config = uvicorn.Config(
        app, http="h11", ws="websockets-sansio", lifespan="off", loop="none",
        # What goes wrong is told to whoever asked; containers' names belong in no log.
        log_config=None, log_level="critical", access_log=False,
        server_header=False, date_header=False, proxy_headers=False,
        ws_max_size=2**21, ws_per_message_deflate=False, ws_ping_interval=None,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )  # fmt: skip
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.shield(task)
        listener.close()


@asynccontextmanager
async def failing(fault: str, listener: socket.socket) -> AsyncIterator[None]:
    """Take connections and break them at once (`drop`) or never say a word (`hang`), or take none (`refuse`), until the
    block ends.
    """
    if fault == "refuse":
        listener.close()
        yield
        return
    open_ones: set[asyncio.StreamWriter] = set()

    async def met(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if fault == "drop":
            writer.close()
        else:
            open_ones.add(writer)

    server = await asyncio.start_server(met, sock=listener)
    try:
        yield
    finally:
        server.close()
        for writer in open_ones:
            writer.close()
