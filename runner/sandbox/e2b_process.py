"""A command in an E2B box, followed from its start to its end whatever happens to it.

The SDK's handle and the box are known here by what is used of them, so this file does not load the SDK.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Literal, Protocol

from runner.errors import BoxError, BoxGone, CommandTimeout, ProviderOffline
from runner.run.ports import Command, CommandResult

#: Seconds between the questions whether the box still lives while a command runs.
GUARD = 10.0
_MISSES = 3
_CLEANUP = 20.0
_DRAIN = 5.0
_INPUT_PIECE = 512 * 1024
_DIED = "the box died while the command ran: it was killed or ran past its time"
_DIED_HINT = "Give the sandbox a longer timeout, or look for what ended it."
_SILENT = "the box was lost while the command ran: its endpoint does not answer any more"
#: How Go names signals in "signal: killed", which the vendor's agent passes on beside exit code -1.
_SIGNALS = {
    "hangup": 1,
    "interrupt": 2,
    "quit": 3,
    "illegal instruction": 4,
    "trace/breakpoint trap": 5,
    "aborted": 6,
    "bus error": 7,
    "floating point exception": 8,
    "killed": 9,
    "user defined signal 1": 10,
    "segmentation fault": 11,
    "user defined signal 2": 12,
    "broken pipe": 13,
    "alarm clock": 14,
    "terminated": 15,
}


class Handle(Protocol):
    """What is used of the SDK's AsyncCommandHandle."""

    @property
    def pid(self) -> int: ...
    @property
    def exit_code(self) -> int | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def stdout(self) -> str: ...
    @property
    def stderr(self) -> str: ...
    def wait(self) -> Coroutine[Any, Any, object]: ...
    async def disconnect(self) -> None: ...
    async def send_stdin(self, data: bytes, request_timeout: float | None = None) -> None: ...
    async def close_stdin(self) -> None: ...


class Host(Protocol):
    """What is used of the box."""

    def errors(self, what: str) -> contextlib.AbstractContextManager[None]: ...
    async def lives(self) -> bool: ...
    async def kill_tree(self, command_id: str, root: int, name: str = "SIGKILL") -> bool: ...


class E2BProcess:
    """`Process` of runner.run.ports. It is followed from the moment it is made, waited for or not."""

    def __init__(self, box: Host, handle: Handle, command: Command, command_id: str) -> None:
        self._box, self._handle, self._id = box, handle, command_id
        self._timeout = command.timeout
        self._main = asyncio.ensure_future(self._follow(command.stdin))
        # Nobody has to wait for a background process; its error must not be reported as forgotten.
        self._main.add_done_callback(lambda task: task.cancelled() or task.exception())

    @property
    def pid(self) -> int:
        return self._handle.pid

    async def wait(self) -> CommandResult:
        return await asyncio.shield(self._main)

    async def write(self, data: bytes) -> None:
        with self._box.errors("cannot pass on input"):
            await self._handle.send_stdin(data)

    async def close_stdin(self) -> None:
        with self._box.errors("cannot close the input"):
            await self._handle.close_stdin()

    async def signal(self, name: Literal["SIGTERM", "SIGKILL"]) -> bool:
        return await self._box.kill_tree(self._id, self.pid, name)

    async def abandon(self) -> None:
        """Kill the tree and stop following; whatever fails at that is not reported."""
        with contextlib.suppress(BoxError, TimeoutError):
            async with asyncio.timeout(_CLEANUP):
                await self._box.kill_tree(self._id, self.pid)
        self._main.cancel()
        await asyncio.wait([self._main])

    async def _follow(self, stdin: bytes | None) -> CommandResult:
        ending = asyncio.ensure_future(outcome(self._handle))
        feeding = None if stdin is None else asyncio.ensure_future(self._feed(stdin))
        try:
            await self._watch(ending)
            with self._box.errors("lost the command"):
                return await ending
        except (BoxGone, ProviderOffline) as exc:
            raise await self._explained(exc) from exc.__cause__
        finally:
            if feeding is not None:
                feeding.cancel()
            if not ending.done():
                ending.cancel()
                await self._handle.disconnect()

    async def _explained(self, error: BoxError) -> BoxError:
        """Why a stream broke, in fewer words than the SDK's; it may have broken before the provider knew."""
        try:
            alive = await self._box.lives()
        except ProviderOffline as offline:
            # What was said of the box stays true: it is lost, and a new one may do.
            return BoxGone(_SILENT, offline.hint) if isinstance(error, BoxGone) else offline
        return error if alive else BoxGone(_DIED, _DIED_HINT)

    async def _watch(self, ending: asyncio.Future[CommandResult]) -> None:
        """Return when the command has ended. Raises CommandTimeout (its tree is dead), BoxGone, ProviderOffline."""
        loop = asyncio.get_running_loop()
        until = None if self._timeout is None else loop.time() + self._timeout
        misses = 0
        while True:
            left = GUARD if until is None else min(GUARD, until - loop.time())
            await asyncio.wait({ending}, timeout=max(left, 0))
            if ending.done():
                return
            if until is not None and loop.time() >= until:
                await self._box.kill_tree(self._id, self.pid)
                await asyncio.wait({ending}, timeout=_DRAIN)
                raise CommandTimeout(f"the command ran past its {self._timeout:g} s; its process tree was killed")
            misses = await self._probe(misses)

    async def _probe(self, misses: int) -> int:
        """Ask whether the box lives; no answer is forgiven a few times in a row."""
        try:
            alive = await self._box.lives()
        except ProviderOffline:
            if misses + 1 >= _MISSES:
                raise
            return misses + 1
        if not alive:
            raise BoxGone(_DIED, _DIED_HINT)
        return 0

    async def _feed(self, data: bytes) -> None:
        """Send all input and close it. A command that stops reading, or ends, is no error."""
        with contextlib.suppress(BoxError), self._box.errors("cannot pass on input"):
            for start in range(0, len(data), _INPUT_PIECE):
                # No limit in time: a command may read slowly, and its own timeout holds.
                await self._handle.send_stdin(data[start : start + _INPUT_PIECE], request_timeout=0)
            await self._handle.close_stdin()


async def outcome(handle: Handle) -> CommandResult:
    """Wait for a command. An exit code ≠ 0 is a result here, where the SDK raises."""
    try:
        await handle.wait()
    except Exception:
        if handle.exit_code is None:
            raise
    return CommandResult(_exit_code(handle.exit_code or 0, handle.error or ""), handle.stdout, handle.stderr)


def _exit_code(code: int, error: str) -> int:
    if code >= 0:
        return code
    name = error.removeprefix("signal: ").removesuffix(" (core dumped)")
    return 128 + _SIGNALS.get(name, -code)
