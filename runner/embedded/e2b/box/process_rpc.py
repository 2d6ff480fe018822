"""The service `process.Process`: the messages of `e2b/envd/process/process_pb.py` onto `commands`."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import signal
from typing import Any

from . import users
from .commands import Command, Commands, Spec
from .connect import CallError, Message, Stream, Streaming, Unary, deadline, keepalive, next_message, only_message
from .http1 import Exchange
from .output import Ended, Item, Listener

_SIGNALS = {"SIGNAL_SIGTERM": signal.SIGTERM, "SIGNAL_SIGKILL": signal.SIGKILL, 15: signal.SIGTERM, 9: signal.SIGKILL}


class ProcessService:
    """One instance per box. `unary` and `streaming` map method names to what answers them."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self.unary: dict[str, Unary] = {
            "List": self._list,
            "Update": self._update,
            "SendInput": self._send_input,
            "SendSignal": self._send_signal,
            "CloseStdin": self._close_stdin,
        }
        self.streaming: dict[str, Streaming] = {
            "Start": self._start,
            "Connect": self._connect,
            "StreamInput": self._stream_input,
        }

    async def _list(self, _message: Message, _exchange: Exchange) -> Message:
        return {"processes": [_info(command) for command in self._commands.running.values()]}

    async def _update(self, message: Message, _exchange: Exchange) -> Message:
        command = self._commands.select(message.get("process"))
        size = _size(message.get("pty"))
        if size is not None:
            command.resize(size)
        return {}

    async def _send_input(self, message: Message, _exchange: Exchange) -> Message:
        await self._commands.select(message.get("process")).write(_input(message.get("input")))
        return {}

    async def _send_signal(self, message: Message, _exchange: Exchange) -> Message:
        command = self._commands.select(message.get("process"))
        number = _SIGNALS.get(message.get("signal", 0))
        if number is None:
            raise CallError("invalid_argument", f"signal {message.get('signal')!r} is neither SIGTERM nor SIGKILL")
        if not command.signal(number):
            raise CallError("not_found", f"process with pid {command.pid} not found")
        return {}

    async def _close_stdin(self, message: Message, _exchange: Exchange) -> Message:
        self._commands.select(message.get("process")).close_stdin()
        return {}

    async def _stream_input(self, exchange: Exchange) -> None:
        command: Command | None = None
        while (message := await next_message(exchange.body)) is not None:
            if "start" in message:
                command = self._commands.select(message["start"].get("process"))
            elif "data" in message:
                if command is None:
                    raise CallError("invalid_argument", "input came before the start message")
                await command.write(_input(message["data"].get("input")))
        stream = Stream(exchange)
        await stream.send({})
        await stream.end()

    async def _start(self, exchange: Exchange) -> None:
        # Read first, also what is then refused: a client whose message is not taken sees a broken connection instead.
        message = await only_message(exchange)
        user = users.acting(exchange.head.get("authorization"))
        seconds = deadline(exchange)
        command = self._commands.start(_spec(message, user))
        listener = command.listen()
        if seconds is not None:
            # The vendor's agent binds the process to the call's timeout, not to the connection.
            timer = asyncio.get_running_loop().call_later(seconds, command.signal, signal.SIGKILL)
            command.on_exit(timer.cancel)
        await _follow(exchange, command, listener, seconds)

    async def _connect(self, exchange: Exchange) -> None:
        message = await only_message(exchange)
        command = self._commands.select(message.get("process"), ended=True)
        await _follow(exchange, command, command.listen(), deadline(exchange))


async def _follow(exchange: Exchange, command: Command, listener: Listener, seconds: float | None) -> None:
    """Pass on what a command says until it ends, the time is over, or the client has gone."""
    # What nobody can be told otherwise: how many bytes were printed and dropped while nobody listened.
    stream = Stream(exchange, {"x-dropped-bytes": str(command.backlog.dropped)} if command.backlog.dropped else {})
    loop = asyncio.get_running_loop()
    until = None if seconds is None else loop.time() + seconds
    every = keepalive(exchange)
    gone = asyncio.ensure_future(exchange.reader.gone.wait())
    # A piece counts as passed on when the kernel has it: what the agent itself held would be lost with the connection.
    exchange.writer.transport.set_write_buffer_limits(0)
    try:
        await stream.send({"event": {"start": {"pid": command.pid}}})
        while True:
            item = await _next(listener, gone, every if until is None else min(every, until - loop.time()))
            if gone.done():
                return
            if until is not None and loop.time() >= until:
                raise CallError("deadline_exceeded", f"the command ran past its timeout of {seconds:g} s")
            if isinstance(item, Ended):
                await stream.send({"event": {"end": _end(item)}})
                await stream.end()
                return
            await stream.send({"event": {"keepalive": {}} if item is None else _data(item)})
            listener.passed()
    finally:
        gone.cancel()
        command.leave(listener)


async def _next(listener: Listener, gone: asyncio.Future[Any], wait: float) -> Item | None:
    """The next item; None when the time is over or the client has gone."""
    if (item := listener.ready()) is not None:
        return item
    waiter = asyncio.ensure_future(listener.get())
    await asyncio.wait({waiter, gone}, timeout=max(wait, 0.0), return_when=asyncio.FIRST_COMPLETED)
    if waiter.done():
        return waiter.result()
    waiter.cancel()
    return None


def _data(item: tuple[str, bytes]) -> Message:
    name, piece = item
    return {"data": {name: base64.b64encode(piece).decode()}}


def _end(ended: Ended) -> Message:
    if ended.code >= 0:
        error = {} if ended.code == 0 else {"error": ended.status}
        return {"exitCode": ended.code, "exited": True, "status": ended.status, **error}
    # What Go reports for a signal: no exit code of its own.
    return {"exitCode": -1, "exited": False, "status": ended.status, "error": ended.status}


def _info(command: Command) -> Message:
    spec = command.spec
    config: Message = {"cmd": spec.cmd, "args": list(spec.args), "envs": dict(spec.envs)}
    if spec.cwd is not None:
        config["cwd"] = spec.cwd
    return {"config": config, "pid": command.pid, **({"tag": spec.tag} if spec.tag else {})}


def _spec(message: Message, user: users.User) -> Spec:
    config = message.get("process") or {}
    if not isinstance(config.get("cmd"), str) or not config["cmd"]:
        raise CallError("invalid_argument", "process.cmd is missing")
    cwd = users.resolve(config.get("cwd") or "", user)
    with users.working_as(user):
        if not os.path.isdir(cwd):  # noqa: PTH112 - Path.is_dir fails where the user may not look
            raise CallError("invalid_argument", f"cwd {cwd!r} does not exist")
    return Spec(
        cmd=config["cmd"],
        user=user,
        args=tuple(config.get("args") or ()),
        envs=dict(config.get("envs") or {}),
        cwd=cwd,
        tag=message.get("tag"),
        stdin=message.get("stdin") is not False,
        size=_size(message.get("pty")),
    )


def _size(pty: object) -> tuple[int, int] | None:
    if not isinstance(pty, dict):
        return None
    size = pty.get("size") or {}
    columns, rows = int(size.get("cols") or 80), int(size.get("rows") or 24)
    if not (0 < columns < 2**16 and 0 < rows < 2**16):
        raise CallError("invalid_argument", f"a terminal cannot have {columns} columns and {rows} rows")
    return columns, rows


def _input(message: object) -> bytes:
    wanted = message if isinstance(message, dict) else {}
    try:
        return base64.b64decode(wanted.get("stdin") or wanted.get("pty") or "", validate=True)
    except (binascii.Error, TypeError) as error:
        raise CallError("invalid_argument", f"the input is not base64: {error}") from error
