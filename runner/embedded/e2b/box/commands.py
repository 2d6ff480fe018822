"""The commands of a box: starting them, passing on what they print, signals, their end."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import subprocess
import termios
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from . import tree, users
from .connect import CallError
from .http1 import fulfil
from .output import BEHIND, Allowance, Backlog, Ended, Listener
from .users import User

_PIECE = 64 * 1024
#: Ended commands that a late client can still connect to.
_REMEMBERED = 128
#: In a command's environment, with this value: hold the command back rather than drop output that nobody has read.
_KEEP_OUTPUT = ("RUNNER_KEEP_OUTPUT", "all")


@dataclass(frozen=True, slots=True)
class Spec:
    """What to start: program, whose it is, arguments, environment beside the box's, folder, a name for selecting it,
    whether it gets a standard input, and the terminal's size when it is to have one.
    """

    cmd: str
    user: User
    args: tuple[str, ...] = ()
    envs: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    tag: str | None = None
    stdin: bool = True
    size: tuple[int, int] | None = None


class Command:
    """A started command. It goes on when nobody listens; what it prints then is kept for who connects next."""

    def __init__(self, spec: Spec, number: int, shared: Allowance, on_end: Callable[[Command], None]) -> None:
        """`number` is the command's own in this box."""
        self.spec = spec
        self.backlog = Backlog(shared)
        self._patient = spec.envs.get(_KEEP_OUTPUT[0]) == _KEEP_OUTPUT[1]
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
            with tree.wearing(self._number) as self._badge, users.starting_as(self.spec.user) as identity:
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
                    **identity,
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
        tree.sacrifice(self.pid)
        loop = asyncio.get_running_loop()
        for fd in self._outputs:
            loop.add_reader(fd, self._readable, fd)

    def _pipes(self, theirs: list[int]) -> tuple[int, int, int]:
        if self.spec.size is not None:
            with users.working_as(self.spec.user):
                ours, end = os.openpty()  # its user may open it again by its name
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
        """Follow the command from where the last one left off."""
        listener = Listener(self._resume)
        for piece in self.backlog.take():
            listener.put(piece)
        self._listeners.append(listener)
        self._resume()
        if self.ended:
            listener.put(self.ended)
        return listener

    def on_exit(self, call: Callable[[], None]) -> None:
        """Call this when the command has ended."""
        self._on_end.append(lambda _: call())

    def leave(self, listener: Listener) -> None:
        """Stop following; the command goes on, and what this one has not passed on waits for the next."""
        self._listeners.remove(listener)
        if not self._listeners:
            for piece in listener.unread():
                self.backlog.put(piece)
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
        if not self._listeners:
            self.backlog.put((self._outputs[fd], piece))
        if self._crowded():
            self._paused = True
            for each in self._outputs:
                asyncio.get_running_loop().remove_reader(each)

    def _crowded(self) -> bool:
        if not self._listeners:
            return self._patient and self.backlog.full
        return any(listener.behind > BEHIND for listener in self._listeners)

    def _resume(self) -> None:
        if self._paused and not self._crowded():
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
        self._ended: dict[int, Command] = {}
        self._started = 0
        self._shared = Allowance(reclaim=self._forget_output)
        self._watched: dict[int, Callable[[int], None]] = {}

    def start(self, spec: Spec) -> Command:
        """Start a command. Raises CallError."""
        self._started += 1
        command = Command(spec, self._started, self._shared, self._forget)
        terminal = {"TERM": "xterm-256color"} if spec.size else {}
        command.start({**self.environment, **spec.user.environment(), **terminal, **spec.envs})
        self.running[command.pid] = command
        return command

    def select(self, selector: object, *, ended: bool = False) -> Command:
        """The running command that a `ProcessSelector` means, with `ended` also one that has ended. Raises CallError.

        Numbers are used again: a running command comes before an ended one of the same number.
        """
        wanted = selector if isinstance(selector, dict) else {}
        known = {**self._ended, **self.running} if ended else self.running
        if "pid" in wanted:
            command = known.get(int(wanted["pid"]))
        else:
            tag = wanted.get("tag")
            found = [each for each in known.values() if tag and each.spec.tag == tag]
            command = found[-1] if found else None
        if command is None:
            name = f"pid {wanted['pid']}" if "pid" in wanted else f"tag {wanted.get('tag')!r}"
            raise CallError("not_found", f"process with {name} not found")
        return command

    def _forget(self, command: Command) -> None:
        if self.running.get(command.pid) is command:
            del self.running[command.pid]
        before = self._ended.pop(command.pid, None)
        if before is not None:
            before.backlog.drop()
        self._ended[command.pid] = command
        while len(self._ended) > _REMEMBERED:
            self._ended.pop(next(iter(self._ended))).backlog.drop()

    def _forget_output(self) -> bool:
        """Drop what the command printed that ended first; running ones need the room more. False when none has any."""
        holder = next((each for each in self._ended.values() if each.backlog.size), None)
        if holder is not None:
            holder.backlog.drop()
        return holder is not None

    def watch(self, pid: int, call: Callable[[int], None]) -> None:
        """Call this with the exit code when a process that is no command has ended."""
        self._watched[pid] = call

    def reap(self) -> None:
        """Take up every process that has ended, orphans too: the agent is the box's process 1."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                code = os.waitstatus_to_exitcode(status)
                command = self.running.get(pid)
                if command is not None:
                    command.reaped(code)
                elif pid in self._watched:
                    self._watched.pop(pid)(code)
