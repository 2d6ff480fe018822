"""The process that keeps this user's browser server: it starts with the first who needs one and ends after the last.

`python -m runner.embedded.webcontainer.supervisor CONFIG`. Clients connect to its Unix socket, in a folder that only
this user can enter, and are counted for as long as their connection is open: who is killed is not counted any more. A
line `take` is answered with the address of a browser server; `discard` says that this one does not serve.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from runner.embedded.webcontainer.chromium import Driver
from runner.embedded.webcontainer.generation import Generation, Launch, start
from runner.errors import RunnerError
from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class Config:
    """`launch` is the browser's, `socket` where clients come; a browser server has at most `containers` clients in its
    life; all ends when nobody has been there for `idle_seconds`.
    """

    launch: Launch
    socket: Path
    containers: int
    idle_seconds: float

    def as_json(self) -> str:
        """What `read` takes. Nothing in it is secret."""
        launch, tool = self.launch, self.launch.driver
        return json.dumps(
            {
                "driver": [tool.node, tool.program, tool.version],
                "executable": launch.executable,
                "arguments": launch.arguments,
                "sandbox": launch.sandbox,
                "socket": str(self.socket),
                "containers": self.containers,
                "idle_seconds": self.idle_seconds,
            }
        )


def read(text: str) -> Config:
    """The configuration in what `Config.as_json` gave."""
    said: dict[str, Any] = json.loads(text)
    launch = Launch(Driver(*said["driver"]), said["executable"], tuple(said["arguments"]), said["sandbox"])
    return Config(launch, Path(said["socket"]), said["containers"], said["idle_seconds"])


class Supervisor:
    """Hands out one browser server; a new one when it has ended, was discarded or has served its number of clients."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._current: Generation | None = None
        self._old: set[Generation] = set()
        self._starting = asyncio.Lock()
        self._clients = 0
        self._idle: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self.ended = asyncio.Event()

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it hangs up."""
        self._clients += 1
        self._wait_no_more()
        taken: Generation | None = None
        try:
            while line := await reader.readline():
                if line == b"take\n" and taken is None:
                    taken, answer = await self._take()
                else:
                    answer = self._discard(taken)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self._clients -= 1
            if taken is not None:
                taken.clients -= 1
                self._sweep()
            self.wait_for_clients()
            writer.close()

    def wait_for_clients(self) -> None:
        """End after a while when nobody is there."""
        if self._clients == 0 and self._idle is None:
            loop = asyncio.get_running_loop()
            self._idle = loop.call_later(self._config.idle_seconds, self.ended.set)

    async def close(self) -> None:
        """End all browser servers."""
        every = [*self._old, *([self._current] if self._current else [])]
        await asyncio.gather(*(each.close() for each in every), *self._closing)

    def _wait_no_more(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    async def _take(self) -> tuple[Generation | None, dict[str, object]]:
        async with self._starting:
            now = self._current
            if now is None or now.retired or not now.alive or now.served >= self._config.containers:
                self._retire()
                try:
                    now = self._current = await start(self._config.launch, self._config.socket.parent)
                except RunnerError as error:
                    return None, {"ok": False, "message": error.message, "hint": error.hint}
                except OSError as error:
                    why = f"the browser server could not be started: {error.strerror or error}"
                    return None, {"ok": False, "message": why, "hint": "free some space, or install Playwright again"}
            now.clients += 1
            now.served += 1
        return now, {"ok": True, "ws_endpoint": now.ws_endpoint}

    def _discard(self, taken: Generation | None) -> dict[str, object]:
        if taken is not None and taken is self._current:
            self._retire()
            self._sweep()
        return {"ok": True}

    def _retire(self) -> None:
        if self._current is not None:
            self._current.retired = True
            self._old.add(self._current)
            self._current = None

    def _sweep(self) -> None:
        """Close browser servers that nobody may take and nobody uses any more."""
        for each in [one for one in self._old if one.clients == 0 or not one.alive]:
            self._old.discard(each)
            task = asyncio.get_running_loop().create_task(each.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


async def supervise(config: Config) -> None:
    """Serve until nobody needs a browser, or SIGTERM."""
    here = Supervisor(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, here.ended.set)
    server = await asyncio.start_unix_server(here.meet, path=config.socket)
    mine = config.socket.stat().st_ino
    _say("ready")
    here.wait_for_clients()
    try:
        await here.ended.wait()
    finally:
        with contextlib.suppress(FileNotFoundError):
            if config.socket.stat().st_ino == mine:
                config.socket.unlink()
        server.close()
        await here.close()


def _say(word: str) -> None:
    """Tell whoever started us, and let go of its pipe."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    os.close(nothing)


def main() -> int:
    """Supervise as the first argument says."""
    os.umask(0o077)
    asyncio.run(supervise(read(sys.argv[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
