"""The boxes of one edge: making, finding, keeping their time, ending."""

from __future__ import annotations

import asyncio
import json
import os
import py_compile
import resource
import secrets
import shutil
import signal
import socket
import string
import subprocess
import time
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from runner.embedded.e2b import bubblewrap
from runner.embedded.e2b.box.http1 import BUFFER, Inlet, fulfil
from runner.embedded.e2b.state import remove
from runner.embedded.e2b.templates import BASE, DISK_MB, Template
from runner.embedded.e2b.uids import uid_for
from runner.errors import SandboxMissing

#: The port on which the vendor's agent listens.
ENVD_PORT = 49983
_START_SECONDS = 20.0
_STOP_SECONDS = 5.0
_LIMITS = {"RLIMIT_NOFILE": 65_536, "RLIMIT_CORE": 0, "RLIMIT_FSIZE": DISK_MB * 1024 * 1024}
_PROCESSES = 4_096
_BOOT = (
    "import sys; sys.modules['ssl'] = None; sys.path.insert(0, '" + bubblewrap.AGENT + "');"
    " from box.agent import main; main()"
)


class BoxDead(Exception):
    """The box has ended."""


class PortShut(Exception):
    """Nothing listens on that port of the box."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a client asks for: seconds to live, environment of all its commands, labels, template."""

    timeout: float
    env: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    template: Template = BASE


class Box:
    """A live box."""

    def __init__(self, order: Order, number: int, folder: Path) -> None:
        letters = string.ascii_lowercase + string.digits
        self.id = "i" + "".join(secrets.choice(letters) for _ in range(19))
        self.token = secrets.token_hex(24)
        self.order = order
        self.started_at = time.time()
        self.ends_at = self.started_at + order.timeout
        self.folder = folder / self.id
        self._uid = uid_for(number)
        self.ended = asyncio.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    def start(self, walls: bubblewrap.Walls) -> None:
        """Start bubblewrap and the agent in it; `ready` waits until it answers."""
        home, tmp = self.folder / "home", self.folder / "tmp"
        self.folder.mkdir(mode=0o711, parents=True)
        for place, mode in ((home, 0o755), (tmp, 0o1777)):
            place.mkdir()
            place.chmod(mode)
            if self._uid is not None:
                os.chown(place, self._uid, self._uid)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        log = (self.folder / "log").open("wb")
        command = [str(walls.python.program), "-I", "-S", "-B", "-X", "utf8", "-c", _BOOT, str(theirs.fileno())]
        arguments = bubblewrap.build(walls, walls.view.seen(home), walls.view.seen(tmp), command, {"LC_ALL": "C.UTF-8"})
        try:
            self._process = subprocess.Popen(
                [walls.bwrap, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env={},
                pass_fds=[theirs.fileno()], user=self._uid, group=self._uid,
                extra_groups=None if self._uid is None else [], umask=0o022,
            )  # fmt: skip
        finally:
            theirs.close()
            log.close()
        self._channel = ours
        with suppress(OSError):  # it has died already: `ready` tells why
            limits = {**_LIMITS, "RLIMIT_NPROC": _processes()}
            ours.send(json.dumps({"environment": self._environment(walls), "limits": limits}).encode())
        ours.setblocking(False)

    def _environment(self, walls: bubblewrap.Walls) -> dict[str, str]:
        python = walls.python.program.parent
        path = f"/home/user/.local/bin:{bubblewrap.TOOLS}:{python}:/usr/local/bin:/usr/bin:/bin"
        own = {
            "PATH": path, "HOME": "/home/user", "USER": "user", "LOGNAME": "user", "SHELL": "/bin/bash",
            "LANG": "C.UTF-8", "E2B_SANDBOX": "true", "E2B_SANDBOX_ID": self.id,
            "E2B_TEMPLATE_ID": self.order.template.id,
        }  # fmt: skip
        return {**own, **self.order.template.env, **self.order.env}

    async def ready(self) -> None:
        """Wait until the agent answers. Raises SandboxMissing with what bubblewrap said if it does not."""
        loop = asyncio.get_running_loop()
        assert self._channel is not None  # noqa: S101 - start came first
        try:
            word = await asyncio.wait_for(loop.sock_recv(self._channel, 64), _START_SECONDS)
        except (TimeoutError, OSError):
            word = b""
        if word != b"ready":
            said = (self.folder / "log").read_text(errors="replace").strip()[-2000:]
            raise SandboxMissing(f"a box did not start: {said or 'no answer from its agent'}")
        loop.add_reader(self._channel, self._channel_readable)

    def _channel_readable(self) -> None:
        # The agent never speaks unasked: anything here is the end of the channel.
        with suppress(OSError):
            if self._channel is not None and self._channel.recv(64):
                return
        self.stop()

    def stop(self) -> None:
        """End it and all in it, at once. Twice is as good as once."""
        if self._channel is not None:
            asyncio.get_running_loop().remove_reader(self._channel)
            self._channel.close()
            self._channel = None
        if self._process is not None and self._process.poll() is None:
            # The box's process 1 goes, and with it all others before bubblewrap itself ends; the other way round
            # some would still be writing when their files are removed.
            inner = _children(self._process.pid)
            for pid in inner:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not inner:
                self._process.kill()
        self.ended.set()

    def clean(self) -> None:
        """Wait for the end of a stopped box and remove its files; blocks."""
        if self._process is not None:
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        remove(self.folder)

    def _hand_over(self, word: str) -> socket.socket:
        if self._channel is None:
            raise BoxDead(self.id)
        ours, theirs = socket.socketpair()
        try:
            socket.send_fds(self._channel, [word.encode()], [theirs.fileno()])
        except OSError as error:
            ours.close()
            raise BoxDead(self.id) from error
        finally:
            theirs.close()
        ours.setblocking(False)
        return ours

    async def connect(self, port: int) -> tuple[Inlet, asyncio.StreamWriter]:
        """A connection to a TCP port inside the box; envd's is the agent itself. Raises BoxDead, PortShut."""
        loop = asyncio.get_running_loop()
        connected = self._hand_over("http") if port == ENVD_PORT else await self._dial(port)
        reader = Inlet()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.create_connection(lambda: protocol, sock=connected)
        transport.set_write_buffer_limits(BUFFER)
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _dial(self, port: int) -> socket.socket:
        with self._hand_over(f"dial {port}") as reply:
            await _readable(reply)
            try:
                word, fds, _, _ = socket.recv_fds(reply, 256, 1)
            except OSError as error:
                raise BoxDead(self.id) from error
        if not fds:
            if not word:
                raise BoxDead(self.id)
            raise PortShut(word.decode(errors="replace"))
        connected = socket.socket(fileno=fds[0])
        connected.set_inheritable(False)
        connected.setblocking(False)
        return connected


def _processes() -> int:
    """How many a box may have: where boxes run as ourselves, at most half of ours, so that we can still make others."""
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    return _PROCESSES if hard == resource.RLIM_INFINITY else min(_PROCESSES, hard // 2)


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


async def _readable(ready: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()
    loop.add_reader(ready, fulfil, waiter)
    try:
        await waiter
    finally:
        loop.remove_reader(ready)


class Boxes:
    """All live boxes."""

    def __init__(self, walls: bubblewrap.Walls, folder: Path) -> None:
        self._walls = walls
        self._folder = folder
        self._number = 0
        self._live: dict[str, Box] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def create(self, order: Order) -> Box:
        """Make a box and wait until it answers. Raises SandboxMissing, OSError."""
        self._number += 1
        box = Box(order, self._number, self._folder)
        try:
            box.start(self._walls)
            await box.ready()
        except BaseException:
            box.stop()
            await asyncio.to_thread(box.clean)
            raise
        self._live[box.id] = box
        self.set_end(box, time.time() + order.timeout)
        self._spawn(self._bury(box))
        return box

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _bury(self, box: Box) -> None:
        await box.ended.wait()
        self._live.pop(box.id, None)
        timer = self._timers.pop(box.id, None)
        if timer is not None:
            timer.cancel()
        await asyncio.to_thread(box.clean)

    def get(self, name: str) -> Box | None:
        """The live box of this id."""
        return self._live.get(name)

    def all(self) -> list[Box]:
        """All live boxes."""
        return list(self._live.values())

    def set_end(self, box: Box, when: float) -> None:
        """Let a box live until this Unix time."""
        box.ends_at = when
        timer = self._timers.pop(box.id, None)
        if timer is not None:
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._timers[box.id] = loop.call_later(max(0.0, when - time.time()), self.kill, box)

    def kill(self, box: Box) -> None:
        """End a box: from now on it is not found, and its running streams break."""
        self._live.pop(box.id, None)
        box.stop()

    async def close(self) -> None:
        """End all boxes and wait until they and their files are gone."""
        for box in self.all():
            self.kill(box)
        if self._tasks:
            await asyncio.wait(self._tasks)


def copy_agent(folder: Path) -> None:
    """Put the agent's sources where every box's user can read them, compiled once for all boxes."""
    target = folder / "box"
    target.mkdir()
    for source in (Path(__file__).parent / "box").glob("*.py"):
        shutil.copyfile(source, target / source.name)
        py_compile.compile(
            str(target / source.name), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )
