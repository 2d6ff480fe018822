"""One browser server: Playwright's driver with one Chromium, that many clients connect to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import sys
from pathlib import Path

from runner.embedded.webcontainer.chromium import Driver
from runner.errors import SandboxMissing
from runner.records import dataclass

_GUARD = Path(__file__).with_name("driver_guard.cjs")
_START_SECONDS = 40.0
_STOP_SECONDS = 5.0
_SOCKET = "/org.chromium.Chromium.XXXXXX/SingletonSocket"
_LONGEST = 107 if sys.platform == "linux" else 103  # bytes of a socket's path
#: What of the environment a browser needs; all else may be secret, and a box has no business with it.
NEEDED = (
    "PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "FONTCONFIG_FILE", "FONTCONFIG_PATH",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Launch:
    """What a browser server is started with: `sandbox` is Chromium's own, which it cannot build for root."""

    driver: Driver
    executable: str
    arguments: tuple[str, ...]
    sandbox: bool


class Generation:
    """A browser server and who uses it. `clients` now, `served` in all; `retired` when no further ones may come."""

    def __init__(self, child: asyncio.subprocess.Process, ws_endpoint: str, folder: Path) -> None:
        self._child, self._folder = child, folder
        self.ws_endpoint = ws_endpoint
        self.clients = 0
        self.served = 0
        self.retired = False

    @property
    def alive(self) -> bool:
        """Whether its processes run."""
        return self._child.returncode is None

    async def wait(self) -> None:
        """Return when its processes have ended."""
        await self._child.wait()

    async def close(self) -> None:
        """End its processes and remove its files."""
        self.retired = True
        await _end(self._child)
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)


async def start(launch: Launch, within: Path) -> Generation:
    """Start a browser server with its files in a new folder in `within`. Raises SandboxMissing when it does not start.

    It ends with this process, kill -9 included: the driver heeds the end of its input, Chromium that of its pipe.
    """
    folder = within / secrets.token_hex(6)
    folder.mkdir(mode=0o700)
    config = folder / "server.json"
    config.touch(mode=0o600)
    config.write_text(json.dumps(_config(launch)))
    # The profile and all else that is temporary lies in the folder, which is removed also when it was killed.
    env = {name: os.environ[name] for name in NEEDED if name in os.environ}
    env |= {"HOME": str(folder), "TMPDIR": _temporary(folder), "PLAYWRIGHT_SKIP_VALIDATE_HOST_REQUIREMENTS": "1"}
    env["RUNNER_BROWSER_FOLDER"] = str(folder)
    words = [launch.driver.node, "--require", str(_GUARD), launch.driver.program]
    words += ["launch-server", "--browser", "chromium", "--config", str(config)]
    said = folder / "driver.log"
    pipe = asyncio.subprocess.PIPE
    with said.open("wb") as log:
        child = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, stderr=log, env=env, cwd=folder)
    try:
        endpoint = await _told(child, launch, said)
    except BaseException:
        await _end(child)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        config.unlink(missing_ok=True)
    return Generation(child, endpoint, folder)


def _temporary(folder: Path) -> str:
    """The folder as Chromium is told it: a socket's path is short, and Chromium makes one below its temporary files."""
    here = Path("/proc/self/cwd")  # the same folder, for each process that the driver starts
    long = len(os.fsencode(folder)) + len(_SOCKET) > _LONGEST
    return str(here if long and here.exists() else folder)


def _config(launch: Launch) -> dict[str, object]:
    return {
        "executablePath": launch.executable,
        "args": list(launch.arguments),
        "chromiumSandbox": launch.sandbox,
        "headless": True,
        "host": "127.0.0.1",
        "port": 0,
        "wsPath": f"/{secrets.token_hex(20)}",
        "handleSIGINT": False,
    }


async def _told(child: asyncio.subprocess.Process, launch: Launch, said: Path) -> str:
    assert child.stdout is not None  # noqa: S101 - asked for above
    try:
        async with asyncio.timeout(_START_SECONDS):
            line = (await child.stdout.readline()).decode().strip()
    except TimeoutError as error:
        raise SandboxMissing(f"{launch.executable} did not start in {_START_SECONDS:g} s", _hint(launch)) from error
    if not line.startswith("ws://"):
        reason = await asyncio.to_thread(_reason, said)
        raise SandboxMissing(f"{launch.executable} could not be started: {reason}", _hint(launch))
    return line


def _reason(said: Path) -> str:
    """The line of a driver's log that says most: Chromium's own complaint, else the first."""
    lines = [line.strip() for line in said.read_text(errors="replace").splitlines() if line.strip()]
    fatal = [line for line in lines if "No usable sandbox" in line or "error while loading" in line]
    errors = [line for line in lines if "Error:" in line]
    return next(iter((*fatal, *errors, *lines)), "it said nothing")[:300]


def _hint(launch: Launch) -> str:
    without = "; its own sandbox needs user namespaces, see docs/security.md" if launch.sandbox else ""
    return f"try `{launch.executable} --headless --dump-dom about:blank`, or set RUNNER_CHROMIUM to another{without}"


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.stdin is not None:
        child.stdin.close()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await child.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
