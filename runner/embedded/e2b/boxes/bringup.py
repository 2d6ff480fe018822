"""What a template wants to be running in its boxes: the start command, and the wait until the ready command is content.

A box of ours is not a copy of a running one, as the hosted service's is: the start command runs at each box's start.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import suppress

from runner.embedded.e2b.boxes.box import Box, BoxDead
from runner.embedded.e2b.boxes.within import CallRefused, Listener, Words, run
from runner.embedded.e2b.templates import Template

#: A ready command that only sleeps guesses how long the start takes; at a box's start it may guess so many seconds.
_LONGEST_GUESS = 1.0
_GUESS = re.compile(r"\s*sleep\s+([0-9.]{1,12})\s*")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
_TAIL = 2000
#: Start commands that are listened to; the loop itself would forget them.
_FOLLOWED: set[asyncio.Task[int]] = set()


class NotReady(Exception):
    """The start command failed, or the ready command was not content in time; the message tells."""


async def bring_up(box: Box, template: Template, seconds: float, hear: Callable[[str], None] | None = None) -> None:
    """Start what a template wants to run and wait, at most so many seconds. Raises NotReady, BoxDead.

    `hear` gets what the commands say. Without it, as at a box's start, a ready command that only sleeps is cut short.
    """
    said: list[str] = []
    listener = _into(said, hear or box.log.lines(logger="start"))
    starting = asyncio.ensure_future(_start(box, template, listener)) if template.start_cmd else None
    waiting = asyncio.ensure_future(_wait(box, template, guess=hear is None))
    try:
        async with asyncio.timeout(seconds):
            await asyncio.wait({waiting, *([starting] if starting else [])}, return_when=asyncio.FIRST_COMPLETED)
            if starting is not None and starting.done():
                _judge(starting.result(), said)
            await waiting
        if hear is None and starting is not None:
            _follow(box, starting)
            starting = None
    except TimeoutError as error:
        raise NotReady(f"the ready command was not content in {seconds:g} s: {template.ready_cmd}") from error
    except CallRefused as error:
        raise NotReady(str(error)) from error
    finally:
        waiting.cancel()
        if starting is not None:
            # The command goes on in the box; nobody listens to it any more.
            starting.cancel()
            with suppress(asyncio.CancelledError, CallRefused, BoxDead):
                await starting


async def _start(box: Box, template: Template, hear: Listener) -> int:
    return await run(box, Words(template.start_cmd, template.user, template.workdir, template.env), hear)


def _follow(box: Box, starting: asyncio.Task[int]) -> None:
    """Let a start command go on into the box's log; when it ends, that is said there too."""

    def ended(done: asyncio.Task[int]) -> None:
        _FOLLOWED.discard(done)
        if not done.cancelled() and done.exception() is None:
            code = done.result()
            box.log.say(f"the start command ended with exit code {code}", "info" if code == 0 else "error")

    _FOLLOWED.add(starting)
    starting.add_done_callback(ended)


def _judge(code: int, said: list[str]) -> None:
    if code != 0:
        raise NotReady(f"the start command failed with exit code {code}: {''.join(said)[-_TAIL:].strip()}")


async def _wait(box: Box, template: Template, *, guess: bool) -> None:
    command = template.ready_cmd or ("true" if guess else f"sleep {_LONGEST_GUESS:g}")
    if guess and (match := _GUESS.fullmatch(command)):
        command = f"sleep {min(float(match[1]), _LONGEST_GUESS):g}"
    pause, until = _FIRST_PAUSE, time.monotonic() + _LONGEST_PAUSE
    while await run(box, Words(command, template.user, template.workdir, template.env)) != 0:
        await asyncio.sleep(pause)
        pause = _LONGEST_PAUSE if time.monotonic() > until * 5 else min(pause * 1.5, 0.5)


def _into(said: list[str], hear: Callable[[str], None] | None) -> Listener:
    def listener(_name: str, piece: bytes) -> None:
        text = piece.decode(errors="replace")
        said.append(text)
        del said[:-50]
        if hear is not None:
            hear(text)

    return listener
