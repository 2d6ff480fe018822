"""A browser for one container: this user's shared browser server, or else how to launch one."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import field
from pathlib import Path

from runner.embedded.webcontainer import chromium
from runner.embedded.webcontainer.generation import NEEDED, Launch
from runner.embedded.webcontainer.supervisor import Config
from runner.errors import SandboxMissing
from runner.records import dataclass

_ATTEMPTS = 4
_PAUSE_SECONDS = 0.1
_ANSWER_SECONDS = 60.0
_Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_LONGEST = 100  # bytes; the kernel takes 108 for a socket's path, macOS 104


@dataclass(frozen=True, slots=True)
class BrowserSettings:
    """`shared`: use this user's browser server, or launch one per container · `memory_mb` of heap for each process of a
    container · `containers` that one browser server serves before another takes its place · `idle_seconds` that it
    waits for a client after the last.
    """

    shared: bool = True
    memory_mb: int = 1024
    containers: int = 60
    idle_seconds: float = 30.0


_PLAIN = BrowserSettings()


@dataclass(frozen=True, slots=True)
class Browser:
    """Where to connect: `ws_endpoint` with Playwright's `connect`; empty when there is no shared one, `why` says why.
    Then `launch` with `executable`, `launch_arguments` and `sandbox` (Playwright's `chromium_sandbox`).
    """

    ws_endpoint: str
    executable: Path
    launch_arguments: tuple[str, ...]
    sandbox: bool
    why: str = ""
    _link: _Link | None = field(default=None, repr=False)

    async def discard(self) -> None:
        """Say that this browser does not serve: who comes next gets another."""
        if self._link is not None:
            await _ask(*self._link, "discard")


@asynccontextmanager
async def browser(
    settings: BrowserSettings = _PLAIN, environ: Mapping[str, str] = os.environ
) -> AsyncIterator[Browser]:
    """A browser for as long as the block lasts. It is there for the next also, unless it is discarded.

    Raises SandboxMissing when there is no Chromium, or it cannot be started.
    """
    executable = chromium.find(environ)
    plain = Browser("", executable, chromium.arguments(settings.memory_mb), chromium.may_be_sandboxed())
    tool = chromium.driver(environ)
    if not settings.shared or tool is None:
        why = "a browser of its own was asked for" if tool else "Playwright's driver is not installed"
        yield _unshared(plain, why)
        return
    launch = Launch(tool, str(executable), plain.launch_arguments, plain.sandbox)
    try:
        folder = _folder(runtime_folder(environ), launch)
        link, answer = await _taken(Config(launch, folder / "socket", settings.containers, settings.idle_seconds))
    except OSError as error:
        yield _unshared(plain, f"this user's browser server cannot be reached: {error.strerror or error}")
        return
    try:
        if not answer["ok"]:
            raise SandboxMissing(str(answer["message"]), str(answer["hint"]))
        yield Browser(str(answer["ws_endpoint"]), executable, plain.launch_arguments, plain.sandbox, _link=link)
    finally:
        link[1].close()


def runtime_folder(environ: Mapping[str, str]) -> Path:
    """Where this user's browser servers are found: in XDG_RUNTIME_DIR, else among the temporary files."""
    own = environ.get("XDG_RUNTIME_DIR")
    # `sudo` may leave another's there: what we made in it, they could not use, or could replace.
    if own and Path(own).is_dir() and Path(own).stat().st_uid == os.getuid() and len(os.fsencode(own)) < _LONGEST - 40:
        return Path(own) / "runner" / "browser"
    return Path(tempfile.gettempdir()) / f"runner-{os.getuid()}" / "browser"


def _unshared(plain: Browser, why: str) -> Browser:
    return Browser("", plain.executable, plain.launch_arguments, plain.sandbox, why)


def _folder(base: Path, launch: Launch) -> Path:
    """The folder of browser servers of this kind: another Playwright or Chromium needs another."""
    kind = json.dumps([launch.driver.program, launch.driver.version, launch.executable, launch.arguments])
    folder = base / hashlib.sha256(kind.encode()).hexdigest()[:12]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Among the temporary files anybody may have made a folder of that name.
    for each in (folder, base, base.parent):
        about = each.lstat()
        if about.st_uid != os.getuid() or about.st_mode & 0o022:
            raise PermissionError(1, f"{each} belongs to somebody else, or others may write there")
    return folder


async def _taken(config: Config) -> tuple[_Link, dict[str, object]]:
    """A link to the supervisor and its answer to `take`. Raises SandboxMissing when none lives long enough."""
    for attempt in range(_ATTEMPTS):
        # The socket of a process that is being killed still takes connections for a moment.
        await asyncio.sleep(attempt * _PAUSE_SECONDS)
        link = await _connect(config)
        try:
            answer = await _ask(*link, "take")
        except BaseException:
            link[1].close()
            raise
        if answer is not None:
            return link, answer
        link[1].close()  # it was about to end when we came: the next one is ours
    raise SandboxMissing("this user's browser server ended before it could be used", "run it again")


async def _connect(config: Config) -> _Link:
    """Reach the supervisor; start it where there is none."""
    for _ in range(_ATTEMPTS):
        try:
            return await asyncio.open_unix_connection(config.socket)
        except (FileNotFoundError, ConnectionRefusedError):
            await asyncio.to_thread(_start, config)
    return await asyncio.open_unix_connection(config.socket)


def _start(config: Config) -> None:
    """Start a supervisor, unless somebody else has done so meanwhile."""
    with _locked(config.socket.with_name("lock")):
        if _answers(config.socket):
            return
        _clean(config.socket.parent)
        words = [sys.executable, "-P", "-m", "runner.embedded.webcontainer.supervisor", config.as_json()]
        places = [os.environ.get("PYTHONPATH", ""), str(Path(__file__).parents[3])]
        env = {name: os.environ[name] for name in NEEDED if name in os.environ}
        env["PYTHONPATH"] = os.pathsep.join(filter(None, places))
        # A session of its own: it outlives us, and Ctrl-C is not for it. By way of a shell it is not our child either,
        # so that nothing of it is left when it has ended.
        with subprocess.Popen(
            ["/bin/sh", "-c", '"$@" &', "sh", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=env, start_new_session=True, cwd=config.socket.parent,
        ) as shell:  # fmt: skip
            assert shell.stdout is not None  # noqa: S101 - asked for above
            if shell.stdout.readline() != b"ready\n":
                raise OSError("its process ended at once")


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _clean(folder: Path) -> None:
    """Remove what a supervisor that was killed has left behind."""
    for each in folder.iterdir():
        if each.is_dir():
            shutil.rmtree(each, ignore_errors=True)
        elif each.name != "lock":
            each.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, word: str) -> dict[str, object] | None:
    """Send a word and read the answer; None when the supervisor has ended. Raises SandboxMissing when none comes."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            writer.write(f"{word}\n".encode())
            line = await reader.readline()
    except TimeoutError as error:
        why = f"this user's browser server did not answer within {_ANSWER_SECONDS:g} s"
        raise SandboxMissing(why, "run it again") from error
    except ConnectionError:
        return None
    answer: dict[str, object] | None = json.loads(line) if line else None
    return answer
