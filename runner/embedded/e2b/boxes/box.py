"""One box: what was ordered, who it is, its start, the ways into it, its end."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import string
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import field
from pathlib import Path
from typing import Any

from runner.embedded.e2b.box.http1 import BUFFER, Inlet, fulfil
from runner.embedded.e2b.boxes.boxlog import BoxLog
from runner.embedded.e2b.folders.state import remove
from runner.embedded.e2b.folders.volumes import Mount
from runner.embedded.e2b.limits import freezing
from runner.embedded.e2b.limits.limits import Confinement
from runner.embedded.e2b.network.network import Network
from runner.embedded.e2b.network.outward import Outward, Traffic, trusting
from runner.embedded.e2b.templates import BASE, Template
from runner.embedded.e2b.walls.disk import Disk, Disks
from runner.embedded.e2b.walls.start import Plan, Started, Walls, start
from runner.errors import SandboxMissing
from runner.records import dataclass

#: The port on which the vendor's agent listens.
ENVD_PORT = 49983
#: Seconds at most for which connections of a box that was stopped go on carrying what it had said before.
CARRY_SECONDS = 5.0
_START_SECONDS = 20.0
_STOP_SECONDS = 5.0


class BoxDead(Exception):
    """The box has ended."""


class PortShut(Exception):
    """Nothing listens on that port of the box."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a client asks for: seconds to live, environment of all its commands, labels, template; whether the box is
    paused when its time is over (else it ends), whether it then keeps its processes (`pause_memory`) or its files
    only, whether a request to the paused box wakes it, all that was asked for, as it was, which volumes are mounted in
    it, and whether it is the endpoint's own, for a template to be built in: nobody counts or sees those.
    """

    timeout: float
    env: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    template: Template = BASE
    auto_pause: bool = False
    pause_memory: bool = True
    auto_resume: bool = False
    network: Network = field(default_factory=Network)
    asked: Mapping[str, Any] = field(default_factory=dict)
    volumes: tuple[Mount, ...] = ()
    builder: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a box is to its clients: id, token, and since when (Unix time). A box that rests as files keeps it."""

    id: str
    token: str
    started_at: float

    @classmethod
    def new(cls) -> Identity:
        """One that nobody had before."""
        letters = string.ascii_lowercase + string.digits
        name = "i" + "".join(secrets.choice(letters) for _ in range(19))
        return cls(name, secrets.token_hex(24), time.time())


class Box:
    """A live box."""

    def __init__(self, order: Order, number: int, folder: Path, identity: Identity, confinement: Confinement) -> None:
        self.id = identity.id
        self.token = identity.token
        self.order = order
        self.confinement = confinement
        self.started_at = identity.started_at
        self.ends_at = time.time() + order.timeout
        #: Since when it runs without a pause (Unix time).
        self.running_since = time.time()
        #: Since when it is paused (Unix time); None while it runs.
        self.paused_at: float | None = None
        #: Set when connections to it break: at its end, and at each pause (it is another event afterwards).
        self.severed = asyncio.Event()
        #: Held by whoever changes or copies the box as a whole; its files stay until it is free.
        self.lock = asyncio.Lock()
        #: Why it has ended; empty while it lives, and when it only rests.
        self.reason = ""
        self.log = BoxLog()
        #: How many requests to it are under way.
        self.requests = 0
        #: Set while there are none.
        self.unasked = asyncio.Event()
        self.unasked.set()
        #: What it has sent to the outside, and received.
        self.traffic = Traffic()
        self._outward: Outward | None = None
        self._stopped_before: frozenset[int] = frozenset()
        self.folder = folder / self.id
        #: The folders of the volumes that it has.
        self.volumes = tuple(mount.volume.folder for mount in order.volumes)
        self._number = number
        #: What it has written; there from its start on.
        self.disk: Disk | None = None
        self._disks: Disks | None = None
        #: By what it is held to its limits: the rungs of the ladders.
        self.held: dict[str, str] = {}
        self._started: Started | None = None
        self.ended = asyncio.Event()
        #: Set when its processes and files are gone.
        self.gone = asyncio.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    def start(self, walls: Walls, disk: Disk, outward: Outward | None = None) -> None:
        """Start bubblewrap and the agent in it on a fresh disk; `ready` waits until it answers."""
        self._outward = outward
        self.disk = disk
        self._disks = walls.disks
        self.held = {**self.confinement.held(), "disk": walls.disks.rung, "users": walls.rung}
        self.folder.mkdir(mode=0o711, parents=True)
        binds = {mount.path: mount.volume.folder for mount in self.order.volumes}
        plan = Plan(self._number, self.order.template, disk, binds, self.confinement.enter)
        self._started = start(walls, plan, self.folder / "log")
        self._process, self._channel = self._started.process, self._started.channel
        with suppress(OSError):  # it has died already: `ready` tells why
            limits = self.confinement.rlimits()
            template = self.order.template
            told = {"environment": self._environment(walls), "limits": limits}
            told |= {"defaultUser": template.user, "defaultWorkdir": template.workdir}
            told |= {"outward": outward.port if outward else None}
            self._channel.send(json.dumps(told).encode())
        self._channel.setblocking(False)

    def _environment(self, walls: Walls) -> dict[str, str]:
        own = {
            "PATH": walls.path(), "HOME": "/home/user", "USER": "user", "LOGNAME": "user", "SHELL": "/bin/bash",
            "LANG": "C.UTF-8", "E2B_SANDBOX": "true", "E2B_SANDBOX_ID": self.id,
            "E2B_TEMPLATE_ID": self.order.template.id,
        }  # fmt: skip
        outside = self._outward.environment(self.order.network) if self._outward else {}
        return {**own, **outside, **self.order.template.env, **self.order.env}

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
        if self._started is not None:
            self._started.scene.close()
        loop.add_reader(self._channel, self._channel_readable)

    def _channel_readable(self) -> None:
        # The agent speaks unasked only to hand over what wants to go out; else this is the end of the channel.
        try:
            if self._channel is not None:
                word, fds, _, _ = socket.recv_fds(self._channel, 64, 4)
                self._let_out(fds)
                if word:
                    return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.stop("it ran out of memory" if self.confinement.memory_kills() else "it ended by itself")

    @property
    def has_way_out(self) -> bool:
        """Whether it may reach anything outside at all."""
        return self._outward is not None

    def heed_network(self) -> None:
        """Break what its order does not allow any more."""
        if self._outward is not None:
            self._outward.recheck(self.traffic)

    def _let_out(self, fds: list[int]) -> None:
        for fd in fds:
            try:
                plug = socket.socket(fileno=fd)
            except OSError:
                os.close(fd)  # no socket: who sends such things gets no answer
                continue
            plug.set_inheritable(False)
            if self._outward is None:
                plug.close()
            else:
                self._outward.take(plug, lambda: self.order.network, self.traffic)

    @property
    def pid(self) -> int | None:
        """Its first process on the host, bubblewrap's; None when it has ended."""
        return None if self._process is None or self.ended.is_set() else self._process.pid

    def freeze(self, frozen: bool) -> None:
        """Stop all its processes where they are, or let them go on."""
        if self._process is None or self.confinement.freeze(frozen):
            return
        if frozen:
            self._stopped_before = freezing.stop(self._process.pid)
        else:
            freezing.resume(self._process.pid, self._stopped_before)

    @contextmanager
    def asked(self) -> Iterator[None]:
        """A request to it is under way while the block lasts."""
        self.requests += 1
        self.unasked.clear()
        try:
            yield
        finally:
            self.requests -= 1
            if not self.requests:
                self.unasked.set()

    def sever(self) -> None:
        """Break all connections to it."""
        self.severed.set()

    def stop(self, reason: str = "") -> None:
        """End it and all in it, at once. Twice is as good as once; the first `reason` is the one that is told."""
        self.reason = self.reason or reason
        if self._channel is not None:
            asyncio.get_running_loop().remove_reader(self._channel)
            self._channel.close()
            self._channel = None
        if self._process is not None and self._process.poll() is None:
            # The box's process 1 goes, and with it all others before bubblewrap itself ends; the other way round
            # some would still be writing when their files are removed.
            inner = _children(self._process.pid)
            self.confinement.thaw()
            for pid in inner:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not inner:
                self._process.kill()
        if self._outward is not None:
            self._outward.end(self.traffic)
        self.ended.set()
        self.severed.set()

    def clean(self) -> None:
        """Wait for the end of a stopped box and remove its files; blocks."""
        if self._process is not None:
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self.confinement.end()
        if self._started is not None:
            self._started.scene.close()
        if self._disks is not None and self.disk is not None:
            self._disks.give_back(self.disk)
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
        secured = port in self.order.network.https_ports and port != ENVD_PORT
        loop = asyncio.get_running_loop()
        connected = self._hand_over("http") if port == ENVD_PORT else await self._dial(port)
        reader = Inlet()
        protocol = asyncio.StreamReaderProtocol(reader)
        context = trusting() if secured else None
        try:
            transport, _ = await loop.create_connection(
                lambda: protocol, sock=connected, ssl=context, server_hostname="localhost" if secured else None
            )
        except OSError as error:
            raise PortShut(f"no TLS is spoken there: {error}") from error
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
