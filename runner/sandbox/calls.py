"""What providers do alike around a vendor's calls: follow a command, undo what nobody waits for, cite errors."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from runner.run.ports import CommandResult

_T = TypeVar("_T")


class Followed(Protocol):
    """A command that has started."""

    async def wait(self) -> CommandResult: ...

    async def abandon(self) -> None:
        """Kill its tree and stop following it; whatever fails at that is not reported."""
        ...


async def to_its_end(process: Followed) -> CommandResult:
    """What a command gave in the end; when the caller is cancelled before, it is killed first."""
    try:
        return await process.wait()
    except asyncio.CancelledError:
        await process.abandon()
        raise


async def finished(call: Awaitable[_T], undo: Callable[[_T], Awaitable[object]]) -> _T:
    """Await a call that makes or starts something. When the caller is cancelled meanwhile, what was made is undone
    first: a request under way cannot be taken back, and what it makes would belong to nobody.
    """
    task = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):
            await undo(await task)
        raise


def one_line(text: str, secrets: Iterable[str], longest: int) -> str:
    """A vendor's text for an error: one line of at most `longest` characters, without the secrets."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
