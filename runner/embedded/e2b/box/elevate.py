"""The agent's side of `sudo`: starting commands as another user for those who may ask for it.

Who asks is told by the kernel (SO_PEERCRED); root and members of the group `sudo` may. The command carries the badge of
the command that asked, so that it ends with it.
"""

from __future__ import annotations

import asyncio
import fcntl
import grp
import json
import os
import pwd
import signal
import socket
import struct
import subprocess
import termios
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from . import tree, users
from .connect import CallError, Message
from .sudo import SOCKET

_GROUP = "sudo"
_LONGEST = 4 * 1024 * 1024
_CREDENTIALS = struct.Struct("3i")
#: Callers that may wait at a time; each holds three of the agent's files.
_CALLERS = 64
#: Seconds that a request may take to come.
_PATIENCE = 10.0


class Elevator:
    """Listens for `sudo`. `environment` is what every command of the box gets; `watch` calls back when a process ends
    with its exit code.
    """

    def __init__(self, environment: dict[str, str], watch: Callable[[int, Callable[[int], None]], None]) -> None:
        self._environment = environment
        self._watch = watch
        self._callers: set[Caller] = set()
        self._listener: socket.socket | None = None

    def open(self) -> None:
        """Begin to listen, where the agent is root: others have nothing to give."""
        if os.geteuid() != 0:
            return
        Path(SOCKET).parent.mkdir(mode=0o755, exist_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(SOCKET)
        Path(SOCKET).chmod(0o666)
        self._listener.listen(_CALLERS)
        self._listener.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listener, self._readable, self._listener)

    def _readable(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                channel, _ = listener.accept()
                if len(self._callers) >= _CALLERS:
                    channel.close()
                    continue
                channel.setblocking(False)
                self._callers.add(Caller(channel, self.start, self._callers.discard))

    def start(self, caller: Caller, request: Message) -> None:
        """Start what a caller asks for. Raises CallError, OSError."""
        asker = _asker(caller.uid)
        user = users.called(str(request.get("user") or "root"))
        if caller.uid not in (0, user.uid) and not _may(asker):
            raise CallError("permission_denied", f"{asker.pw_name} is not in the group {_GROUP!r}")
        entry = pwd.getpwuid(user.uid)
        own = {
            **user.environment(), "SHELL": entry.pw_shell or "/bin/sh", "SUDO_USER": asker.pw_name,
            "SUDO_UID": str(asker.pw_uid), "SUDO_GID": str(asker.pw_gid),
        }  # fmt: skip
        words = _words(request, own["SHELL"])
        cwd = user.home if request.get("login") else str(request.get("cwd") or "/")
        with users.working_as(user):
            try:
                (Path(cwd) / "..").stat()
            except PermissionError:
                cwd = "/"  # who asks may be where this user may not go
        terminal = bool(request.get("terminal"))
        with tree.carrying(caller.pid), users.starting_as(user) as identity:
            process = subprocess.Popen(
                words, stdin=caller.files[0], stdout=caller.files[1], stderr=caller.files[2],
                cwd=cwd, env={**self._environment, **dict(request.get("environment") or {}), **own},
                start_new_session=True, close_fds=False, preexec_fn=_take_terminal if terminal else None, **identity,
            )  # fmt: skip

        def ended(code: int) -> None:
            process.returncode = code  # the agent reaps for everybody; Popen must not try again
            caller.ended(code)

        caller.process = process
        self._watch(process.pid, ended)


def _asker(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError as error:
        raise CallError("permission_denied", f"the user {uid} has no name") from error


def _may(asker: pwd.struct_passwd) -> bool:
    try:
        return grp.getgrnam(_GROUP).gr_gid in os.getgrouplist(asker.pw_name, asker.pw_gid)
    except KeyError:
        return False


def _words(request: Message, shell: str) -> list[str]:
    words = request.get("words") or []
    by_shell = bool(request.get("login") or request.get("shell"))
    if not isinstance(words, list) or not all(isinstance(each, str) for each in words) or not (words or by_shell):
        raise CallError("invalid_argument", "the request names no command")
    if not by_shell:
        return words
    quoted = " ".join("'" + each.replace("'", "'\\''") + "'" for each in words)
    return [shell, *(["-l"] if request.get("login") else []), *(["-c", quoted] if words else [])]


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Caller:
    """One `sudo` that waits for its command."""

    def __init__(
        self, channel: socket.socket, start: Callable[[Caller, Message], None], gone: Callable[[Caller], None]
    ) -> None:
        self._channel = channel
        self._start = start
        self._gone = gone
        self._held = b""
        self.files: list[int] = []
        self.process: subprocess.Popen[bytes] | None = None
        raw = channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        self.pid, self.uid, _ = _CREDENTIALS.unpack(raw)
        loop = asyncio.get_running_loop()
        loop.add_reader(channel, self._readable)
        self._late = loop.call_later(_PATIENCE, self._answer, {"error": "the request was not whole in time"})

    def _readable(self) -> None:
        try:
            piece, files, _, _ = socket.recv_fds(self._channel, 64 * 1024, 3)
        except OSError:
            piece, files = b"", []
        for fd in files:
            os.set_inheritable(fd, False)
        self.files += files
        if not piece:
            self._hang_up()
        elif self.process is not None:
            for number in piece:
                self._signal(number)
        else:
            self._held += piece
            self._complete()

    def _complete(self) -> None:
        length = int.from_bytes(self._held[:4], "big")
        if length > _LONGEST or len(self.files) != 3:
            self._answer({"error": "the request is too long, or comes without its three files"})
        elif len(self._held) >= 4 + length:
            self._late.cancel()
            try:
                self._start(self, json.loads(self._held[4:]))
            except CallError as error:
                self._answer({"error": error.message})
            except (OSError, ValueError, TypeError, AttributeError, subprocess.SubprocessError) as error:
                self._answer({"error": str(error)})
            self._held = b""
            self._close_files()

    def ended(self, code: int) -> None:
        """The command has ended."""
        self.process = None
        self._answer({"code": code})

    def _signal(self, number: int) -> None:
        if self.process is not None and 0 < number < signal.NSIG:
            with suppress(OSError):
                os.kill(self.process.pid, number)

    def _hang_up(self) -> None:
        if self.process is not None:
            with suppress(OSError):
                os.killpg(self.process.pid, signal.SIGHUP)
        self._close()

    def _answer(self, message: Message) -> None:
        with suppress(OSError):
            self._channel.send(json.dumps(message).encode() + b"\n")
        self._close()

    def _close_files(self) -> None:
        for fd in self.files:
            os.close(fd)
        self.files = []

    def _close(self) -> None:
        if self._channel.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._channel)
            self._channel.close()
        self._late.cancel()
        self._close_files()
        self._gone(self)
