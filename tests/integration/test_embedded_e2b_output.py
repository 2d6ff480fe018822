"""No output of a command is lost or told twice, whoever listens, leaves, joins or pauses the box meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from e2b import AsyncSandbox
from e2b.exceptions import TimeoutException
from e2b.sandbox.commands.command_handle import CommandExitException
from e2b.sandbox_async.commands.command_handle import AsyncCommandHandle

pytestmark = pytest.mark.integration
Go = Callable[[Callable[[AsyncSandbox], Awaitable[None]]], None]

#: Prints what is asked for on its standard input: numbers, each in a column of some width.
_PRINTER = "while read from to width; do for ((i=from;i<to;i++)); do printf '%d%*s\\n' $i $width .; done; done; exit 3"


class _Listening:
    """A command that prints what it is asked for, and who listens to it from time to time."""

    def __init__(self, box: AsyncSandbox, chance: random.Random) -> None:
        self.box = box
        self.chance = chance
        self.slow = chance.choice([0.0, 0.0, 0.002])
        self.told: list[str] = []
        self.news = asyncio.Event()
        self.asked: list[str] = []
        self.printed = 0
        self.handle: AsyncCommandHandle[str] | None = None
        self.pid = 0

    async def hear(self, text: str) -> None:
        self.told.append(text)
        self.news.set()
        if self.slow:
            await asyncio.sleep(self.slow)

    async def begin(self) -> None:
        self.handle = await self.box.commands.run(
            _PRINTER, background=True, stdin=True, timeout=0, on_stdout=self.hear, envs={"RUNNER_KEEP_OUTPUT": "all"}
        )
        self.pid = self.handle.pid

    async def ask(self) -> None:
        end, width = self.printed + self.chance.choice([1, 30, 400, 2000]), self.chance.choice([1, 60, 300])
        self.asked.append("".join(f"{number}{'.':>{width}}\n" for number in range(self.printed, end)))
        await self.box.commands.send_stdin(self.pid, f"{self.printed} {end} {width}\n")
        self.printed = end

    async def caught_up(self) -> None:
        async with asyncio.timeout(30):
            while sum(map(len, self.told)) < sum(map(len, self.asked)):
                self.news.clear()
                await self.news.wait()

    async def leave(self) -> None:
        if self.handle is not None:
            await self.caught_up()  # what is on its way to a client that leaves is lost
            await self.handle.disconnect()
            self.handle = None
            # The box learns of it by the end of a connection; until then what it prints is on its way to who has left.
            await asyncio.sleep(1)

    async def join(self) -> None:
        if self.handle is None:
            self.handle = await self.box.commands.connect(self.pid, timeout=0, on_stdout=self.hear)

    async def pause(self) -> None:
        await self.box.pause()
        await self.box.connect(timeout=120)
        if self.handle is not None:
            with pytest.raises(TimeoutException):  # the pause has broken the connection
                await asyncio.wait_for(self.handle.wait(), 30)
            self.handle = None


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_lost_or_told_twice(in_box: Go, seed: int) -> None:
    async def body(box: AsyncSandbox) -> None:
        listening = _Listening(box, random.Random(seed))
        await listening.begin()
        moves = [listening.ask, listening.ask, listening.leave, listening.join, listening.join, listening.pause]
        for _ in range(15):
            await listening.chance.choice(moves)()
        await listening.join()
        await listening.caught_up()
        assert listening.handle is not None
        await box.commands.close_stdin(listening.pid)
        with pytest.raises(CommandExitException) as ended:
            await listening.handle.wait()
        assert ended.value.exit_code == 3
        assert "".join(listening.told) == "".join(listening.asked)

    in_box(body)


def test_what_was_said_before_a_pause_reaches_a_slow_listener_or_waits(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        told: list[str] = []
        begun = asyncio.Event()

        async def hear(text: str) -> None:
            told.append(text)
            begun.set()
            await asyncio.sleep(0.05)

        printing = await box.commands.run(
            "seq 300000; sleep 60", background=True, timeout=0, on_stdout=hear, envs={"RUNNER_KEEP_OUTPUT": "all"}
        )
        await begun.wait()
        await box.pause()
        await box.connect(timeout=120)
        with pytest.raises(TimeoutException):
            await printing.wait()
        joined = await box.commands.connect(printing.pid, timeout=0, on_stdout=hear)
        wanted = "".join(f"{number}\n" for number in range(1, 300001))
        async with asyncio.timeout(30):
            while len("".join(told)) < len(wanted):
                begun.clear()
                await begun.wait()
        await joined.kill()
        assert "".join(told) == wanted

    in_box(body)
