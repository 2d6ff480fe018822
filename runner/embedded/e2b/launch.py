"""Starting the embedded endpoint as a child process, for as long as somebody needs it."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, field, replace
from pathlib import Path

from runner.embedded.e2b.settings import Settings
from runner.environ import needed
from runner.errors import ProviderOffline, RunnerError, SandboxMissing, ServiceError, StoreError, UsageError
from runner.records import dataclass

_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_ERRORS: dict[str, type[RunnerError]] = {each.__name__: each for each in (SandboxMissing, ServiceError, UsageError)}
_PLAIN = Settings()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an embedded endpoint serves.

    `api_url`, `sandbox_url`, `api_key` as the SDK takes them; `admin_key` by which whoever started it changes its
    faults; `domain` below which it is reached by names; `bundle`, with TLS, the file of certificates that a client must
    trust, as `SSL_CERT_FILE` takes it, else empty (with both, the SDK needs neither of the two addresses); `why` its
    boxes do not have the best walls, empty if they do.
    """

    api_url: str
    sandbox_url: str
    api_key: str = field(repr=False)
    admin_key: str = field(default="", repr=False)
    domain: str = ""
    bundle: str = ""
    why: str = ""

    def as_json(self) -> str:
        """All of it, for whoever started the endpoint."""
        return json.dumps(asdict(self))

    def exports(self) -> dict[str, str]:
        """The environment with which any program that uses the SDK makes its boxes here.

        The SDK prefers addresses to a domain, so only one of the two is there.
        """
        key = {"E2B_API_KEY": self.api_key} if self.api_key else {}
        if self.bundle:
            return {"E2B_DOMAIN": self.domain, "SSL_CERT_FILE": self.bundle, **key}
        # The content of volumes has an address of its own, which the SDK takes from nothing else.
        places = {"E2B_API_URL": self.api_url, "E2B_SANDBOX_URL": self.sandbox_url, "E2B_VOLUME_API_URL": self.api_url}
        return {**places, **key}

    def url(self, box: str, port: int) -> str:
        """A plain HTTP address of a port inside a box, good for any client on this machine."""
        return f"{self.sandbox_url}/box/{box}/{port}"


#: What of the environment leads the SDK elsewhere.
_ELSEWHERE = ("E2B_API_URL", "E2B_SANDBOX_URL", "E2B_VOLUME_API_URL", "E2B_DOMAIN", "E2B_DEBUG")


async def serve_for(command: Sequence[str], settings: Settings = _PLAIN) -> int:
    """Serve as long as a command runs, which finds the endpoint in its environment; give its exit code.

    SIGINT and SIGTERM are the command's to heed. Raises what `launch` does; UsageError when it cannot be started.
    """
    async with launch(settings) as endpoint:
        env = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE} | endpoint.exports()
        if "E2B_API_KEY" not in env:
            another = f"runner endpoint keys --folder {shlex.quote(str(settings.folder))} --add NAME"
            raise UsageError(
                f"the keys in {settings.folder} were made before, and none is in the environment",
                f"set E2B_API_KEY to one of them; {another} makes another",
            )
        try:
            child = await asyncio.create_subprocess_exec(*command, env=env)
        except OSError as error:
            raise UsageError(f"{command[0]} cannot be started: {error.strerror}") from error
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # a terminal sends it to both
        loop.add_signal_handler(signal.SIGTERM, child.terminate)
        code = await child.wait()
    return code if code >= 0 else 128 - code


async def set_faults(endpoint: Endpoint, rules: Iterable[str]) -> None:
    """Put other faults in place of those that hold; none ends all. Raises UsageError for a rule that cannot be read."""
    body = json.dumps({"faults": list(rules)}).encode()
    fields = {"X-Admin-Key": endpoint.admin_key, "Content-Type": "application/json"}
    await asyncio.to_thread(_put, f"{endpoint.api_url}/_faults", body, fields)


def _put(url: str, body: bytes, fields: dict[str, str]) -> None:
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, Request, build_opener  # takes 10 ms, which no start of an endpoint needs

    try:
        request = Request(url, body, fields, method="PUT")  # noqa: S310 - loopback
        with build_opener(ProxyHandler({})).open(request, timeout=10):
            pass
    except HTTPError as error:
        with error:
            raise UsageError(json.load(error)["message"]) from error


@asynccontextmanager
async def launch(settings: Settings = _PLAIN) -> AsyncIterator[Endpoint]:
    """Serve an endpoint of our own until the block ends; its boxes end with it.

    It ends with this process too, kill -9 included: it watches a pipe that only we hold. With `settings.rest` the boxes
    are not lost then, nor when the block ends with a StoreError: a run that the store does not take is gone on with as
    one whose process died. Raises SandboxMissing when this machine cannot make boxes, UsageError for settings that
    cannot be, ProviderOffline when the endpoint does not start for another reason.
    """
    # -P: a file of the current folder must not stand for a module of Python's; our own package is found by its place.
    words = [sys.executable, "-P", "-m", "runner.embedded.e2b", replace(settings, with_parent=True).as_json()]
    places = [os.environ.get("PYTHONPATH", ""), str(Path(__file__).parents[3])]
    env = {**needed(os.environ), "PYTHONPATH": os.pathsep.join(filter(None, places))}
    pipe = asyncio.subprocess.PIPE
    # Its own session: Ctrl-C is ours to handle, and boxes must outlive it long enough to be freed in order.
    child = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, start_new_session=True, env=env)
    word = b"end\n"  # without it the endpoint would take us for dead
    try:
        yield await _told(child)
    except StoreError:
        word = b""
        raise
    finally:
        await asyncio.shield(_end(child, word))


async def _told(child: asyncio.subprocess.Process) -> Endpoint:
    assert child.stdout is not None  # noqa: S101 - asked for above
    try:
        async with asyncio.timeout(_START_SECONDS):
            line = (await child.stdout.readline()).decode()
            if line.startswith("error "):
                rest = (await child.stdout.read()).decode().partition("\n")
                kind = _ERRORS.get(line.split()[1], ProviderOffline)
                raise kind(rest[0], rest[2].strip())
            if not line:
                raise ProviderOffline(f"the embedded E2B endpoint ended at once (exit code {await child.wait()})")
    except TimeoutError as error:
        raise ProviderOffline(f"the embedded E2B endpoint did not start in {_START_SECONDS:g} s") from error
    return Endpoint(**json.loads(line))


async def _end(child: asyncio.subprocess.Process, word: bytes) -> None:
    assert child.stdin is not None  # noqa: S101 - asked for above
    with suppress(ConnectionError, ProcessLookupError):
        child.stdin.write(word)
        child.stdin.close()
        await child.stdin.wait_closed()
    try:
        await asyncio.wait_for(child.wait(), _STOP_SECONDS)
    except TimeoutError:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
