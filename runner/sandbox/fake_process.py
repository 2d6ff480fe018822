"""One command of a fake box: a process tree of this machine, WITHOUT ANY ISOLATION (see runner.sandbox.fake)."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from signal import SIGKILL, Signals
from typing import Literal

from runner.errors import BoxGone, CommandTimeout, FileMissing, NotADirectory, RequestRefused
from runner.run.ports import Command, CommandResult, OnOutput, Stream
from runner.sandbox import tree

_CHUNK = 65536
#: Seconds that a killed command's output may stay open before nobody waits for it any more.
_DRAIN = 5.0


class FakeProcess:
    """A running command; `Process` of runner.run.ports. Made by `spawn`."""

    def __init__(self, child: asyncio.subprocess.Process, command_id: str, gone: Callable[[], bool]) -> None:
        self._child = child
        self._mark = f"{tree.MARK}={command_id}"
        self._gone = gone
        self._timed_out = False
        self._text: dict[Stream, list[str]] = {"stdout": [], "stderr": []}
        self._timer: asyncio.TimerHandle | None = None
        self._main: asyncio.Task[int] | None = None
        self._cut = asyncio.Event()
        self._timeout: float | None = None

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the shell of the command is still there."""
        return self._child.returncode is None

    def follow(self, command: Command, on_output: OnOutput | None) -> None:
        """Read its output, feed its input and watch the clock from now on."""
        self._timeout = command.timeout
        self._main = asyncio.create_task(self._end(command.stdin, on_output))
        if command.timeout is not None:
            self._timer = asyncio.get_running_loop().call_later(command.timeout, self._expire)

    async def wait(self) -> CommandResult:
        if self._main is None:
            raise RequestRefused("the process is not followed")
        await self._ended()
        if self._gone():
            raise BoxGone("the box was freed while the command ran")
        if self._timed_out:
            raise CommandTimeout(f"the command ran past its {self._timeout:g} s; its process tree was killed")
        code = await asyncio.shield(self._main)
        stdout, stderr = ("".join(self._text[name]) for name in ("stdout", "stderr"))
        return CommandResult(code if code >= 0 else 128 - code, stdout, stderr)

    async def write(self, data: bytes) -> None:
        if self._gone():
            raise BoxGone("the box is gone")
        stdin = self._child.stdin
        if stdin is None or stdin.is_closing() or not self.running:
            raise RequestRefused("the process reads no more input")
        stdin.write(data)
        with contextlib.suppress(ConnectionError):
            await stdin.drain()

    async def close_stdin(self) -> None:
        if self._gone():
            raise BoxGone("the box is gone")
        if self._child.stdin is not None:
            self._child.stdin.close()

    async def signal(self, name: Literal["SIGTERM", "SIGKILL"]) -> bool:
        if self._gone():
            raise BoxGone("the box is gone")
        return self.kill_tree(Signals[name])

    def kill_tree(self, signum: Signals = SIGKILL) -> bool:
        """Signal the process and all its descendants at once; False when there was nobody left."""
        # A dead shell's pid may already be somebody else's: it counts as a root only while it lives.
        return tree.kill([self._mark], [self.pid] if self.running else [], signum)

    def cut(self) -> None:
        """Let nobody wait much longer, even if an escaped process holds the output open."""
        asyncio.get_running_loop().call_later(_DRAIN, self._cut.set)

    async def stop(self) -> None:
        """Kill the tree and wait until its output is closed."""
        self.kill_tree()
        self.cut()
        await self._ended()

    async def _ended(self) -> None:
        cut = asyncio.ensure_future(self._cut.wait())
        try:
            await asyncio.wait({cut} if self._main is None else {cut, self._main}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            cut.cancel()

    def _expire(self) -> None:
        self._timed_out = True
        self.kill_tree()
        self.cut()

    async def _end(self, stdin: bytes | None, on_output: OnOutput | None) -> int:
        await asyncio.gather(
            self._read("stdout", self._child.stdout, on_output),
            self._read("stderr", self._child.stderr, on_output),
            self._feed(stdin),
        )
        code = await self._child.wait()
        if self._timer is not None:
            self._timer.cancel()
        if self._child.stdin is not None:
            self._child.stdin.close()
        return code

    async def _read(self, name: Stream, pipe: asyncio.StreamReader | None, on_output: OnOutput | None) -> None:
        if pipe is None:
            return
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        data = b"-"
        while data:
            data = await pipe.read(_CHUNK)
            text = decoder.decode(data, final=not data)
            if text:
                self._text[name].append(text)
                if on_output is not None:
                    on_output(name, text)

    async def _feed(self, data: bytes | None) -> None:
        if data is None or self._child.stdin is None:
            return
        # A command that reads only part of its input is no error.
        with contextlib.suppress(ConnectionError):
            self._child.stdin.write(data)
            await self._child.stdin.drain()
        self._child.stdin.close()


async def spawn(
    command: Command, cwd: Path, env: Mapping[str, str], *, interactive: bool, gone: Callable[[], bool]
) -> FakeProcess:
    """Start `command` in a session of its own. `interactive` leaves its standard input open.

    The shell is a login shell that reads no profile: this machine's profile is not the box's.
    Raises FileMissing or NotADirectory for the working folder, RequestRefused for what cannot be started.
    """
    _check_folder(cwd)
    command_id = command.keep or uuid.uuid4().hex
    feeds = interactive or command.stdin is not None
    pipe = asyncio.subprocess.PIPE
    try:
        child = await asyncio.create_subprocess_exec(
            *("/bin/bash", "--noprofile", "-l", "-c", command.text),
            cwd=cwd,
            env={**env, tree.MARK: command_id},
            stdin=pipe if feeds else asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
        )
    except (OSError, ValueError) as exc:
        raise RequestRefused(f"the command cannot be started: {exc}") from exc
    return FakeProcess(child, command_id, gone)


def _check_folder(cwd: Path) -> None:
    if cwd.is_dir():
        return
    if cwd.exists():
        raise NotADirectory(f"the working folder {str(cwd)!r} is a file")
    raise FileMissing(f"the working folder {str(cwd)!r} does not exist", "Make it in a step before this one.")
