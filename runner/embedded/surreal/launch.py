"""Starting the gateway as a child process, for as long as somebody needs it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from runner.embedded.surreal.settings import Endpoint, Settings
from runner.environ import needed
from runner.errors import (
    RunnerError,
    ServiceError,
    StoreError,
    StoreFull,
    StoreLocked,
    UsageError,
)

_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
#: What the gateway takes from the environment besides: by whom it lets itself be used.
_CREDENTIALS = ("RUNNER_STATE_USER", "RUNNER_STATE_PASSWORD")
_ERRORS: dict[str, type[RunnerError]] = {
    each.__name__: each for each in (ServiceError, StoreError, StoreFull, StoreLocked, UsageError)
}


@asynccontextmanager
async def launch(settings: Settings) -> AsyncIterator[Endpoint]:
    """Serve the store of a folder until the block ends.

    The gateway ends with this process too, kill -9 included: it watches a pipe that only we hold. Raises StoreLocked
    when somebody holds the folder, StoreError, UsageError, ServiceError when it does not start for another reason.
    """
    child = await begin(settings)
    try:
        yield await told(child)
    finally:
        await asyncio.shield(end(child))


async def begin(settings: Settings) -> asyncio.subprocess.Process:
    """The process of a gateway, which watches its standard input; `told` waits until it serves."""
    words, env = called(settings)
    pipe = asyncio.subprocess.PIPE
    # Its own session: Ctrl-C is ours to handle, and commits in flight are finished.
    return await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, start_new_session=True, env=env)


def called(settings: Settings) -> tuple[list[str], dict[str, str]]:
    """The words and the environment that start a gateway which watches its standard input."""
    # -P: a file of the current folder must not stand for a module of Python's; our own package is found by its place.
    words = [sys.executable, "-P", "-m", "runner.embedded.surreal", replace(settings, with_parent=True).as_json()]
    places = [os.environ.get("PYTHONPATH", ""), str(Path(__file__).parents[3])]
    return words, {**needed(os.environ, _CREDENTIALS), "PYTHONPATH": os.pathsep.join(filter(None, places))}


async def told(child: asyncio.subprocess.Process) -> Endpoint:
    """Wait until it serves. Raises as `launch` does."""
    assert child.stdout is not None  # noqa: S101 - asked for above
    try:
        async with asyncio.timeout(_START_SECONDS):
            line = (await child.stdout.readline()).decode()
            if line.startswith("error "):
                rest = (await child.stdout.read()).decode().partition("\n")
                raise _ERRORS.get(line.split()[1], ServiceError)(rest[0], rest[2].strip())
            if not line:
                raise ServiceError(f"the state gateway ended at once (exit code {await child.wait()})")
    except TimeoutError as error:
        raise ServiceError(f"the state gateway did not start in {_START_SECONDS:g} s") from error
    return Endpoint(**json.loads(line))


async def end(child: asyncio.subprocess.Process) -> None:
    """Let it end in order, or kill it when it does not."""
    assert child.stdin is not None  # noqa: S101 - asked for above
    with suppress(ConnectionError, ProcessLookupError):
        child.stdin.close()
        await child.stdin.wait_closed()
    try:
        await asyncio.wait_for(child.wait(), _STOP_SECONDS)
    except TimeoutError:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
