"""The boxes of one edge: making, finding, keeping their time, ending."""

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
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import field
from pathlib import Path
from typing import Any

from runner.embedded.e2b.box.http1 import BUFFER, Inlet, fulfil
from runner.embedded.e2b.boxes.boxlog import BoxLog
from runner.embedded.e2b.boxes.endings import Endings, rfc3339
from runner.embedded.e2b.folders.state import remove
from runner.embedded.e2b.folders.volumes import Mount
from runner.embedded.e2b.limits import freezing
from runner.embedded.e2b.limits.limits import Confinement, Limits
from runner.embedded.e2b.limits.overuse import Watch
from runner.embedded.e2b.network.network import Network
from runner.embedded.e2b.network.outward import Outward, Traffic, trusting
from runner.embedded.e2b.templates import BASE, Template
from runner.embedded.e2b.walls.disk import Disk, Disks
from runner.embedded.e2b.walls.start import Plan, Started, Walls, inherited, start, take_disk
from runner.embedded.e2b.walls.uids import uid_for
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


class Boxes:
    """All live boxes."""

    def __init__(self, walls: Walls, folder: Path) -> None:
        self._walls = walls
        self._folder = folder
        self.limits = Limits(folder.parent)
        memory, disk = "memory" not in self.limits.controllers, walls.disks.rung == "folder"
        self._overuse: Watch[Box] = Watch(folder.parent, memory=memory, disk=disk)
        #: The way out of new boxes; None: they have none.
        self.outward: Outward | None = None
        self._number = 0
        self._live: dict[str, Box] = {}
        #: Those that have ended and whose processes and files are not gone yet.
        self._leaving: dict[str, Box] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._making: set[asyncio.Future[None]] = set()
        self._closed = False
        self.endings = Endings()
        #: What is done with a box whose time is over.
        self.time_over: Callable[[Box], None] = self.end_in_time

    async def create(self, order: Order, identity: Identity | None = None) -> Box:
        """Make a box and wait until it answers; it is a new one, or one of old, as soon as what it was before is gone.

        Raises SandboxMissing, OSError.
        """
        made = asyncio.get_running_loop().create_future()
        self._making.add(made)
        identity = identity or Identity.new()
        try:
            if before := self._leaving.get(identity.id):
                await before.gone.wait()
            return await self._make(order, identity)
        finally:
            self._making.discard(made)
            made.set_result(None)

    async def _make(self, order: Order, identity: Identity) -> Box:
        self._number += 1
        confinement = self.limits.confine(identity.id, self.limits.allow(order.template))
        box = Box(order, self._number, self._folder, identity, confinement)
        try:
            self._refuse_when_closed()
            size = confinement.allowance.disk_mb
            disk = await asyncio.to_thread(take_disk, self._walls, self._number, size, order.template)
            box.start(self._walls, disk, self.outward)
            await box.ready()
            self._refuse_when_closed()
        except BaseException:
            box.stop()
            await asyncio.to_thread(box.clean)
            raise
        self._live[box.id] = box
        self._overuse.begin(self.all, self.kill)
        self.endings.forget(box.id)
        self.set_end(box, time.time() + order.timeout)
        self.spawn(self._bury(box))
        return box

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise SandboxMissing("the endpoint is ending and makes no more boxes")

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Do something beside; `close` waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _bury(self, box: Box) -> None:
        await box.ended.wait()
        self._forget(box)
        async with box.lock:
            await asyncio.to_thread(box.clean)
        self._leaving.pop(box.id, None)
        box.gone.set()

    def _forget(self, box: Box) -> None:
        if self._live.get(box.id) is box:
            del self._live[box.id]
            self._leaving[box.id] = box
            self.stop_clock(box)
            if box.reason:
                self.endings.note(box.id, box.reason, box.log)

    @property
    def literal(self) -> bool:
        """Whether files of boxes have the boxes' own user ids on the host too (0 is their root), or all are ours."""
        return self._walls.ranged

    @property
    def unlayered(self) -> str:
        """Why boxes can have no layers but the base; empty where they can."""
        return "" if self._walls.overlay else self._walls.why or "the kernel gives no overlayfs"

    @property
    def unshared(self) -> bool:
        """Whether each box is another user of the host, so that none could write what another has made."""
        return not self._walls.ranged and uid_for(0) is not None

    async def copy(self, box: Box, folder: Path, *, tmp: bool = True) -> None:
        """Make a layer of what a frozen box has written, and of its /tmp. Raises OSError."""
        if box.disk is None:
            raise OSError("it has no disk")
        await asyncio.to_thread(self._walls.disks.keep, box.disk, folder, tmp=tmp)

    @property
    def inherited(self) -> tuple[str, ...]:
        """The folders of a layer that are all there in the uppermost layer that has them."""
        return inherited(self._walls)

    def get(self, name: str) -> Box | None:
        """The live box of this id; it may be paused."""
        return self._live.get(name)

    def why(self, name: str) -> str:
        """Why no running box has this id, as the rest of a sentence: empty, or `: ` and the reason."""
        box = self._live.get(name)
        if box is None or box.paused_at is None:
            return self.endings.why(name)
        return f": it is paused since {rfc3339(box.paused_at)}; connecting to it lets it go on"

    def all(self) -> list[Box]:
        """All live boxes, paused ones too."""
        return list(self._live.values())

    def running(self) -> int:
        """How many run now; paused ones do not."""
        return sum(box.paused_at is None and not box.order.builder for box in self._live.values())

    def set_end(self, box: Box, when: float) -> None:
        """Let a box live until this Unix time."""
        self.stop_clock(box)
        box.ends_at = when
        loop = asyncio.get_running_loop()
        self._timers[box.id] = loop.call_later(max(0.0, when - time.time()), self._ring, box)

    def stop_clock(self, box: Box) -> None:
        """Let a box live as long as nobody sets its end."""
        timer = self._timers.pop(box.id, None)
        if timer is not None:
            timer.cancel()

    def _ring(self, box: Box) -> None:
        self.time_over(box)

    def end_in_time(self, box: Box) -> None:
        """End a box because its time is over."""
        self.kill(box, f"its time (until {rfc3339(box.ends_at)}) was over")

    def kill(self, box: Box, reason: str = "") -> None:
        """End a box: from now on it is not found, and its running streams break. Without a `reason` it only rests."""
        box.stop(reason)
        self._forget(box)

    async def close(self) -> None:
        """End all boxes, those in the making too, and wait until they and their files are gone."""
        self._closed = True
        for box in self.all():
            self.kill(box, "the endpoint ended")
        while pending := self._making | self._tasks:
            await asyncio.wait(pending)
        await self._overuse.close()
        await asyncio.to_thread(self.limits.close)
        await asyncio.to_thread(self._walls.close)
