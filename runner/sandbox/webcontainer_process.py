"""A command in a WebContainer, followed from its start to its end whatever happens to its page."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Literal, Protocol

from runner.errors import BoxError, BoxGone, CommandTimeout
from runner.run.ports import Command, CommandResult, OnOutput, Stream
from runner.sandbox.webcontainer_streams import Tagged, pieces

#: Seconds between the questions whether the engine still answers while a command runs, and within which it has to:
#: one that unpacks large packages on a machine with more to do than processors was silent for 20.
GUARD = 10.0
ANSWER = 60.0
#: Seconds that a killed command has to end.
_DRAIN = 5.0
_SIGNALLED = {"SIGTERM": 143, "SIGKILL": 137}


class Host(Protocol):
    """What is used of the box."""

    async def call(self, what: str, method: str, *arguments: object) -> object: ...
    async def answers(self, seconds: float) -> None: ...


class WebContainerProcess:
    """`Process` of runner.run.ports. `number` is its place in the box: the client tells no process ids."""

    def __init__(self, box: Host, number: int, command: Command, hear: OnOutput) -> None:
        self._box, self._number, self._hear = box, number, hear
        self._timeout, self._stdin = command.timeout, command.stdin
        self._tagged = Tagged()
        self._texts: dict[Stream, list[str]] = {"stdout": [], "stderr": []}
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._sent: str = ""
        self._main: asyncio.Future[CommandResult] | None = None

    @property
    def key(self) -> str:
        """The name by which the page knows it."""
        return f"p{self._number}"

    @property
    def pid(self) -> int:
        return self._number

    @property
    def running(self) -> bool:
        return not self._ended.done()

    # ------------------------------------------------------------ events of the page

    def output(self, data: str) -> None:
        """A piece of what it wrote."""
        self._take(self._tagged.feed(data))

    def exited(self, code: int) -> None:
        """It ended; all output has come."""
        self._take(self._tagged.end())
        if not self._ended.done():
            # The client cannot name a signal: what ended by a kill is told as the signal that was meant.
            self._ended.set_result(_SIGNALLED[self._sent] if self._sent and code in _SIGNALLED.values() else code)

    def lost(self, reason: BoxGone) -> None:
        """The box is gone."""
        if not self._ended.done():
            self._ended.set_exception(reason)
            self._ended.exception()  # whoever waits gets it; nobody has to wait

    def at_once(self, input_open: bool) -> tuple[str, ...]:
        """The argument of the start that is all of its input; none when that comes later. Not None: the page would get
        a null. Raises RequestRefused for other bytes than UTF-8.
        """
        if self._stdin is None:
            return () if input_open else ("",)
        found = list(pieces(self._stdin))
        if len(found) > 1:
            return ()
        self._stdin = None
        return ("".join(found),)

    def follow(self) -> None:
        """Begin to send the rest of its input and to watch over its time: it has started."""
        self._main = asyncio.ensure_future(self._follow())
        self._main.add_done_callback(lambda task: task.cancelled() or task.exception())

    # ------------------------------------------------------------ the port

    async def wait(self) -> CommandResult:
        if self._main is None:
            raise BoxGone("the command never started")
        return await asyncio.shield(self._main)

    async def write(self, data: bytes) -> None:
        for piece in pieces(data):
            await self._box.call("input cannot be passed on", "write", self.key, piece)

    async def close_stdin(self) -> None:
        await self._box.call("the input cannot be closed", "endInput", self.key)

    async def signal(self, name: Literal["SIGTERM", "SIGKILL"]) -> bool:
        await self._box.answers(ANSWER)
        if not self.running:
            return False
        self._sent = name
        await self._box.call("the command cannot be killed", "kill", self.key, name == "SIGKILL")
        if name == "SIGKILL":
            await asyncio.wait({self._ended}, timeout=_DRAIN)
        return True

    async def abandon(self) -> None:
        """Kill the tree and stop following; whatever fails at that is not reported."""
        with contextlib.suppress(BoxError, TimeoutError):
            async with asyncio.timeout(2 * _DRAIN):
                await self._end()
        if self._main is not None:
            self._main.cancel()
            await asyncio.wait([self._main])

    # ------------------------------------------------------------ inside

    def _take(self, pieces_: list[tuple[Stream, str]]) -> None:
        for stream, text in pieces_:
            self._texts[stream].append(text)
            self._hear(stream, text)

    async def _end(self) -> None:
        if self.running:
            await self.signal("SIGKILL")

    async def _follow(self) -> CommandResult:
        feeding = asyncio.ensure_future(self._feed())
        try:
            await self._watch()
            code = await self._ended
            return CommandResult(code, "".join(self._texts["stdout"]), "".join(self._texts["stderr"]))
        finally:
            feeding.cancel()
            await asyncio.wait([feeding])

    async def _watch(self) -> None:
        """Return when the command has ended. Raises CommandTimeout (its tree is dead), BoxGone."""
        loop = asyncio.get_running_loop()
        until = None if self._timeout is None else loop.time() + self._timeout
        while True:
            left = GUARD if until is None else min(GUARD, until - loop.time())
            await asyncio.wait({self._ended}, timeout=max(left, 0))
            if self._ended.done():
                return
            if until is not None and loop.time() >= until:
                await self._end()
                raise CommandTimeout(f"the command ran past its {self._timeout:g} s; its process tree was killed")
            await self._box.answers(ANSWER)

    async def _feed(self) -> None:
        """Send the input that was too long to go with the start, and close it. A command that stops reading, or ends,
        is no error.
        """
        if self._stdin is None:
            return
        with contextlib.suppress(BoxError):
            await self.write(self._stdin)
            await self.close_stdin()
