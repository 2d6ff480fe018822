"""The agent: process 1 of a box. It answers envd's protocol on connections that the edge hands to it.

It has no listening socket and no secret. The edge sends it ends of socket pairs over one control channel
(SOCK_SEQPACKET), each with a word that says what for:

- `http`: a connection that speaks envd's HTTP;
- `dial PORT`: answer with a socket connected to that port of the box's loopback, or with the reason why not.

Where boxes may reach the outside, it hands the edge what their programs have opened to its proxy port (`outward`).

When the control channel ends, the edge is gone and so is the box.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import signal
import socket
import sys

from . import rights
from .commands import Commands
from .connect import CallError, Message, Stream, Streaming, Unary, decode
from .download import download
from .elevate import Elevator
from .files_http import FileRefused, upload
from .filesystem_rpc import FilesystemService
from .host import Host, settle, tell
from .http1 import Exchange, ProtocolError, connection
from .outward import Outward
from .process_rpc import ProcessService
from .watch_rpc import WatchService

_PR_SET_DUMPABLE = 4
_DIAL_SECONDS = 5.0


class Agent:
    """Routes envd's requests to the services."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.commands = Commands(environment)
        self._watches = WatchService()
        process, files = ProcessService(self.commands), FilesystemService()
        self._unary = {
            **{f"/process.Process/{name}": call for name, call in process.unary.items()},
            **{f"/filesystem.Filesystem/{name}": call for name, call in files.unary.items()},
            **{f"/filesystem.Filesystem/{name}": call for name, call in self._watches.unary.items()},
        }
        self._streaming = {
            **{f"/process.Process/{name}": call for name, call in process.streaming.items()},
            **{f"/filesystem.Filesystem/{name}": call for name, call in self._watches.streaming.items()},
        }
        host = Host(self.commands)
        self._plain: dict[tuple[str, str], Streaming] = {
            ("GET", "/health"): host.health,
            ("GET", "/metrics"): host.metrics,
            ("GET", "/envs"): host.environment,
            ("POST", "/init"): host.init,
            ("GET", "/files"): download,
            ("HEAD", "/files"): download,
            ("POST", "/files"): upload,
        }

    async def answer(self, exchange: Exchange) -> None:
        """Answer one request."""
        path = exchange.head.path
        self._watches.settle()
        if path in self._streaming:
            await self._stream(exchange, self._streaming[path])
        elif path in self._unary:
            await self._call(exchange, self._unary[path])
        elif (exchange.head.method, path) in self._plain:
            await self._transfer(exchange, self._plain[exchange.head.method, path])
        else:
            await exchange.body.drain()
            await exchange.json(404, {"code": 404, "message": f"no such route: {exchange.head.method} {path}"})

    async def _call(self, exchange: Exchange, call: Unary) -> None:
        raw = await exchange.body.read()
        try:
            answer = await call(decode(raw), exchange)
        except CallError as error:
            await exchange.json(error.status, error.as_json())
        except (TypeError, ValueError, AttributeError) as error:
            refused = CallError("invalid_argument", f"the message is malformed: {error}")
            await exchange.json(refused.status, refused.as_json())
        else:
            await exchange.json(200, answer)

    async def _stream(self, exchange: Exchange, call: Streaming) -> None:
        try:
            await call(exchange)
        except CallError as error:
            await Stream(exchange).end(error)
        except (TypeError, ValueError, AttributeError) as error:
            await Stream(exchange).end(CallError("invalid_argument", f"the message is malformed: {error}"))

    async def _transfer(self, exchange: Exchange, call: Streaming) -> None:
        try:
            await call(exchange)
        except FileRefused as error:
            await exchange.json(error.status, {"code": error.status, "message": error.message})
        except CallError as error:
            await exchange.body.drain()
            await exchange.json(error.status, {"code": error.status, "message": error.message})


class Control:
    """The agent's end of the control channel."""

    def __init__(self, channel: socket.socket, agent: Agent) -> None:
        self._channel = channel
        self._agent = agent
        self._tasks: set[asyncio.Task[None]] = set()

    def readable(self) -> None:
        """Take up what the edge has sent."""
        try:
            word, fds, _, _ = socket.recv_fds(self._channel, 64, 1)
        except BlockingIOError:
            return
        for fd in fds:
            os.set_inheritable(fd, False)  # recv_fds takes flags and forgets them: commands would get our connections
        if not word:
            os._exit(0)  # the edge is gone; the kernel ends all that is left in this pid namespace
        if not fds:
            return
        connected = socket.socket(fileno=fds[0])
        connected.setblocking(False)
        verb, _, argument = word.decode().partition(" ")
        task = asyncio.ensure_future(self._dial(connected, int(argument)) if verb == "dial" else self._http(connected))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _http(self, connected: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: connection(self._guarded), connected)

    async def _guarded(self, exchange: Exchange) -> None:
        try:
            await self._agent.answer(exchange)
        except (ProtocolError, ConnectionError):
            raise
        except Exception as error:  # noqa: BLE001 - one bad request must not end the box
            if exchange.started:
                exchange.abort()
            else:
                await exchange.json(500, {"code": "internal", "message": f"{type(error).__name__}: {error}"})

    async def _dial(self, reply: socket.socket, port: int) -> None:
        loop = asyncio.get_running_loop()
        with reply:
            reason = ""
            for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as dialled:
                    dialled.setblocking(False)
                    try:
                        await asyncio.wait_for(loop.sock_connect(dialled, (host, port)), _DIAL_SECONDS)
                    except (TimeoutError, OSError) as error:
                        reason = reason or str(error)
                        continue
                    socket.send_fds(reply, [b"ok"], [dialled.fileno()])
                    return
            reply.send(reason.encode() or b"refused")


async def _run(channel: socket.socket, settings: Message) -> None:
    loop = asyncio.get_running_loop()
    settle(settings)
    tell(settings["environment"])
    agent = Agent(settings["environment"])
    control = Control(channel, agent)
    elevator = Elevator(agent.commands.environment, agent.commands.watch)
    elevator.open()
    channel.setblocking(False)
    loop.add_signal_handler(signal.SIGCHLD, agent.commands.reap)
    loop.add_reader(channel, control.readable)
    channel.send(b"ready")
    if settings.get("outward"):
        outward = Outward(channel, settings["outward"])
        loop.add_reader(outward.listener, outward.readable)
    await loop.create_future()


def main() -> None:
    """Run until the control channel, whose number is the last argument, ends."""
    channel = socket.socket(fileno=int(sys.argv[-1]))
    os.set_inheritable(channel.fileno(), False)
    settings = decode(channel.recv(1024 * 1024))
    for name, value in settings["limits"].items():
        _limit(getattr(resource, name), int(value))
    rights.narrow()
    # Nobody else in the box may look into process 1, though it has the same user.
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    # Python would take SIGINT, which anybody in the box can send, for its end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    os.close(nothing)
    asyncio.run(_run(channel, settings))


def _limit(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))
