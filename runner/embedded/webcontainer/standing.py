"""An engine for pages of others: `runner endpoint webcontainer` serves it until it is told to end, or for a command."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Callable, Sequence

from runner.embedded.webcontainer.launch import launch
from runner.embedded.webcontainer.settings import Network, Policy, Settings
from runner.errors import UsageError

#: What the genuine client reads: a page that sets it before the client's first boot gets its engine from there.
VARIABLE = "WEBCONTAINER_API_IFRAME_URL"
#: Whose pages may embed the engine unless it is said: those of servers on this machine, such as `vite`.
LOOPBACK = ("http://localhost:*", "http://127.0.0.1:*", "http://*.localhost:*")

_ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:(\d{1,5}|\*))?", re.ASCII)


def settings_for(port: int, origins: Sequence[str]) -> Settings:
    """Settings for an engine on that port for pages of these origins. Raises UsageError for what is no origin."""
    for each in origins:
        if not _ORIGIN.fullmatch(each):
            raise UsageError(f"{each} is no origin", "an origin is like http://localhost:5173 or http://localhost:*")
    return Settings(engine_port=port, embedders=tuple(origins) or LOOPBACK)


def network_for(names: Sequence[str]) -> Network:
    """What containers may reach, from the words of a command line: nothing if there are none, all for `*`."""
    if "*" in names:
        return "*"
    return tuple(names) or "none"


async def run(settings: Settings, policy: Policy, tell: Callable[[dict[str, str]], None]) -> None:
    """Serve until SIGINT or SIGTERM; `tell` is given the environment for a page's build once it serves.

    Raises what `launch` does.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    async with launch(settings) as endpoint:
        tell({VARIABLE: f"{endpoint.container(policy).engine_origin}/"})
        await stop.wait()


async def serve_for(command: Sequence[str], settings: Settings, policy: Policy) -> int:
    """Serve as long as a command runs, which finds the engine in its environment; give its exit code.

    SIGINT and SIGTERM are the command's to heed. Raises what `launch` does; UsageError when it cannot be started.
    """
    async with launch(settings) as endpoint:
        env = {**os.environ, VARIABLE: f"{endpoint.container(policy).engine_origin}/"}
        try:
            child = await asyncio.create_subprocess_exec(*command, env=env)
        except OSError as error:
            raise UsageError(f"{command[0]} cannot be started: {error.strerror}") from error
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # a terminal sends it to both
        loop.add_signal_handler(signal.SIGTERM, child.terminate)
        code = await child.wait()
    return code if code >= 0 else 128 - code
