"""The commands of a box: starting them, passing on what they print, signals, their end."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import struct
import subprocess
import termios
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from . import tree
from .connect import CallError
from .http1 import fulfil

HOME = "/home/user"
USER = "user"
_PIECE = 64 * 1024
#: A listener that is this many bytes behind stops the reading, and so in the end the command.
_BEHIND = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Spec:
    """What to start: program, arguments, environment beside the box's, folder, a name for selecting it, whether it
    gets a standard input, and the terminal's size when it is to have one.
    """

    cmd: str
    args: tuple[str, ...] = ()
    envs: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    tag: str | None = None
    stdin: bool = True
    size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: as `os.waitstatus_to_exitcode` says it, negative for a signal."""

    code: int

    @property
    def status(self) -> str:
        """The sentence that the vendor's agent writes."""
        if self.code >= 0:
            return f"exit status {self.code}"
        return f"signal: {signal.strsignal(-self.code) or -self.code}".lower()


Item = tuple[str, bytes] | Ended


class Listener:
    """One stream that follows a command; `wake` tells the command that there is room again."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._items: asyncio.Queue[Item] = asyncio.Queue()
        self._wake = wake
        self.behind = 0

    def put(self, item: Item) -> None:
        """Queue an item."""
        self._items.put_nowait(item)
        if not isinstance(item, Ended):
            self.behind += len(item[1])

    async def get(self) -> Item:
        """The next item: a piece of output with its stream's name, or the end."""
        return self._taken(await self._items.get())

    def ready(self) -> Item | None:
        """The next item if there is one already."""
        return None if self._items.empty() else self._taken(self._items.get_nowait())

    def _taken(self, item: Item) -> Item:
        if not isinstance(item, Ended):
            was = self.behind
            self.behind -= len(item[1])
            if was > _BEHIND >= self.behind:
                self._wake()
        return item


class Command:
    """A started command. It goes on when nobody listens; what it prints then is lost, as with the vendor."""

    def __init__(self, spec: Spec, number: int, on_end: Callable[[Command], None]) -> None:
        """`number` is the command's own in this box."""
        self.spec = spec
        self._number = number
        self._badge = 0
        self._on_end = [on_end]
        self.pid = 0
        self.ended: Ended | None = None
        self._exit: Ended | None = None
        self._listeners: list[Listener] = []
        self._outputs: dict[int, str] = {}
        self._paused = False
        self._stdin: int | None = None
        self._input_lock = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, env: Mapping[str, str]) -> None:
        """Start it. Raises CallError when the program or the folder is not there."""
        theirs: list[int] = []
        try:
            stdin, stdout, stderr = self._pipes(theirs)
            with tree.wearing(self._number) as self._badge:
                self._process = subprocess.Popen(
                    [self.spec.cmd, *self.spec.args],
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    cwd=self.spec.cwd,
                    env=dict(env),
                    start_new_session=True,
                    close_fds=False,  # all of ours are close-on-exec; walking them costs more than the fork
                    preexec_fn=_take_terminal if self.spec.size else None,
                )
        except (OSError, ValueError) as error:
            self._close_all()
            full = isinstance(error, BlockingIOError)  # the box has as many processes as it may
            code = "failed_precondition" if full else "invalid_argument"
            raise CallError(code, f"cannot start {self.spec.cmd}: {error}") from error
        finally:
            for fd in theirs:
                os.close(fd)
        self.pid = self._process.pid
        loop = asyncio.get_running_loop()
        for fd in self._outputs:
            loop.add_reader(fd, self._readable, fd)

    def _pipes(self, theirs: list[int]) -> tuple[int, int, int]:
        if self.spec.size is not None:
            ours, end = os.openpty()
            theirs.append(end)
            _set_size(ours, self.spec.size)
            self._stdin = os.dup(ours)
            self._outputs[ours] = "pty"
            for fd in (ours, self._stdin):
                os.set_blocking(fd, False)
            return end, end, end
        stdin = subprocess.DEVNULL
        if self.spec.stdin:
            stdin, self._stdin = os.pipe()
            theirs.append(stdin)
            os.set_blocking(self._stdin, False)
        ends = []
        for name in ("stdout", "stderr"):
            ours, end = os.pipe()
            theirs.append(end)
            os.set_blocking(ours, False)
            self._outputs[ours] = name
            ends.append(end)
        return stdin, ends[0], ends[1]

    def listen(self) -> Listener:
        """Follow the command from now on."""
        listener = Listener(self._resume)
        self._listeners.append(listener)
        if self.ended:
            listener.put(self.ended)
        return listener

    def on_exit(self, call: Callable[[], None]) -> None:
        """Call this when the command has ended."""
        self._on_end.append(lambda _: call())

    def leave(self, listener: Listener) -> None:
        """Stop following; the command goes on."""
        self._listeners.remove(listener)
        self._resume()

    def _readable(self, fd: int) -> None:
        try:
            piece = os.read(fd, _PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""  # a terminal whose other side is closed says EIO
        if not piece:
            self._close_output(fd)
            return
        for listener in self._listeners:
            listener.put((self._outputs[fd], piece))
        if any(listener.behind > _BEHIND for listener in self._listeners):
            self._paused = True
            for each in self._outputs:
                asyncio.get_running_loop().remove_reader(each)

    def _resume(self) -> None:
        if self._paused and all(listener.behind <= _BEHIND for listener in self._listeners):
            self._paused = False
            for fd in self._outputs:
                asyncio.get_running_loop().add_reader(fd, self._readable, fd)

    def _close_output(self, fd: int) -> None:
        asyncio.get_running_loop().remove_reader(fd)
        del self._outputs[fd]
        os.close(fd)
        self._maybe_end()

    def reaped(self, code: int) -> None:
        """The process itself has ended. The command ends when its outputs are closed too."""
        self._exit = Ended(code)
        if self._process is not None:
            self._process.returncode = code  # the agent reaps for everybody; Popen must not try again
        self.close_stdin()
        self._maybe_end()

    def _maybe_end(self) -> None:
        if self._exit and not self._outputs and not self.ended:
            self.ended = self._exit
            for call in self._on_end:
                call(self)
            for listener in self._listeners:
                listener.put(self.ended)

    async def write(self, content: bytes) -> None:
        """Write to its standard input. Raises CallError when it has none, or has closed it."""
        async with self._input_lock:
            view = memoryview(content)
            while view:
                if self._stdin is None:
                    raise CallError("failed_precondition", f"process {self.pid} takes no input")
                try:
                    view = view[os.write(self._stdin, view) :]
                except BlockingIOError:
                    await self._writable(self._stdin)
                except OSError as error:
                    raise CallError("failed_precondition", f"process {self.pid} takes no input: {error}") from error

    async def _writable(self, fd: int) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        loop.add_writer(fd, fulfil, ready)
        try:
            await ready
        finally:
            loop.remove_writer(fd)

    def close_stdin(self) -> None:
        """End its standard input."""
        if self._stdin is not None:
            asyncio.get_running_loop().remove_writer(self._stdin)
            os.close(self._stdin)
            self._stdin = None

    def resize(self, size: tuple[int, int]) -> None:
        """Change its terminal's size. Raises CallError when it has none."""
        fd = next(iter(self._outputs), None)
        if self.spec.size is None or fd is None:
            raise CallError("failed_precondition", f"process {self.pid} has no terminal")
        _set_size(fd, size)

    def signal(self, number: int) -> bool:
        """Send a signal to the command and all that it started. False when nothing of it lives."""
        return tree.send(self.pid, self._badge, number)

    def _close_all(self) -> None:
        for fd in [*self._outputs, *([] if self._stdin is None else [self._stdin])]:
            os.close(fd)
        self._outputs.clear()
        self._stdin = None


def _set_size(fd: int, size: tuple[int, int]) -> None:
    columns, rows = size
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Commands:
    """All running commands of the box, and the reaping of every process in it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """`environment` is what every command gets."""
        self.environment = dict(environment)
        self.running: dict[int, Command] = {}
        self._started = 0

    def start(self, spec: Spec) -> Command:
        """Start a command. Raises CallError."""
        self._started += 1
        command = Command(spec, self._started, self._forget)
        command.start({**self.environment, **spec.envs})
        self.running[command.pid] = command
        return command

    def select(self, selector: object) -> Command:
        """The running command that a `ProcessSelector` means. Raises CallError."""
        wanted = selector if isinstance(selector, dict) else {}
        if "pid" in wanted:
            command = self.running.get(int(wanted["pid"]))
        else:
            tag = wanted.get("tag")
            command = next((each for each in self.running.values() if tag and each.spec.tag == tag), None)
        if command is None:
            name = f"pid {wanted['pid']}" if "pid" in wanted else f"tag {wanted.get('tag')!r}"
            raise CallError("not_found", f"process with {name} not found")
        return command

    def _forget(self, command: Command) -> None:
        if self.running.get(command.pid) is command:
            del self.running[command.pid]

    def reap(self) -> None:
        """Take up every process that has ended, orphans too: the agent is the box's process 1."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                command = self.running.get(pid)
                if command is not None:
                    command.reaped(os.waitstatus_to_exitcode(status))
