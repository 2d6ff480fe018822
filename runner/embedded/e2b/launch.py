"""Starting the embedded endpoint as a child process, for as long as somebody needs it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from runner.errors import ProviderOffline, RunnerError, SandboxMissing, ServiceError

_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_ERRORS: dict[str, type[RunnerError]] = {"SandboxMissing": SandboxMissing, "ServiceError": ServiceError}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an embedded endpoint serves: what the SDK takes as `api_url`, `sandbox_url` and `api_key`."""

    api_url: str
    sandbox_url: str
    api_key: str = field(repr=False)

    def url(self, box: str, port: int) -> str:
        """A plain HTTP address of a port inside a box, good for any client on this machine."""
        return f"{self.sandbox_url}/box/{box}/{port}"


@asynccontextmanager
async def launch(state: Path | None = None) -> AsyncIterator[Endpoint]:
    """Serve an endpoint of our own until the block ends; its boxes end with it.

    It ends with this process too, kill -9 included: it watches a pipe that only we hold. `state` is the folder under
    which boxes keep their files, default the temporary folder. Raises SandboxMissing when this machine cannot make
    boxes, ProviderOffline when the endpoint does not start for another reason.
    """
    # -P: a file of the current folder must not stand for a module of Python's; our own package is found by its place.
    words = [sys.executable, "-P", "-m", "runner.embedded.e2b", "--with-parent"]
    places = [os.environ.get("PYTHONPATH", ""), str(Path(__file__).parents[3])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}
    if state is not None:
        words += ["--state", str(state)]
    pipe = asyncio.subprocess.PIPE
    # Its own session: Ctrl-C is ours to handle, and boxes must outlive it long enough to be freed in order.
    child = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, start_new_session=True, env=env)
    try:
        yield await _told(child)
    finally:
        await asyncio.shield(_end(child))


async def _told(child: asyncio.subprocess.Process) -> Endpoint:
    assert child.stdout is not None  # noqa: S101 - asked for above
    values: dict[str, str] = {}
    try:
        async with asyncio.timeout(_START_SECONDS):
            while len(values) < 3:
                line = (await child.stdout.readline()).decode()
                if line.startswith("error "):
                    rest = (await child.stdout.read()).decode().partition("\n")
                    kind = _ERRORS.get(line.split()[1], ProviderOffline)
                    raise kind(rest[0], rest[2].strip())
                if not line:
                    raise ProviderOffline(f"the embedded E2B endpoint ended at once (exit code {await child.wait()})")
                name, _, value = line.strip().removeprefix("export ").partition("=")
                values[name] = value
    except TimeoutError as error:
        raise ProviderOffline(f"the embedded E2B endpoint did not start in {_START_SECONDS:g} s") from error
    return Endpoint(values["E2B_API_URL"], values["E2B_SANDBOX_URL"], values["E2B_API_KEY"])


async def _end(child: asyncio.subprocess.Process) -> None:
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
