"""Lines that a person types at a terminal, read while the loop goes on with other things."""

from __future__ import annotations

import asyncio
import os
import termios
from contextlib import suppress

import typer

#: Seconds between two looks whether a command that was put into the background is in front again.
_LOOK = 0.5
_MOST = 65536


class Terminal:
    """The terminal behind the descriptor `fd`, which hands over whole lines (its usual mode)."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._typed: asyncio.Future[str | None] | None = None
        self._look: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> bool:
        """Whether somebody is asked for a line now."""
        return self._typed is not None

    def in_front(self) -> bool:
        """Whether what is typed is for this process: reading in the background would stop it."""
        with suppress(OSError):
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        return False

    def forget(self) -> None:
        """Drop what was typed before anybody asked, or into a question that is over."""
        with suppress(OSError, termios.error):
            termios.tcflush(self._fd, termios.TCIFLUSH)

    async def line(self, prompt: str) -> str | None:
        """Show the prompt and wait for a line; None at the end of the input (Ctrl-D, or the terminal is gone)."""
        with suppress(OSError):
            typer.echo(prompt, nl=False)
        typed: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._typed = typed
        self._listen()
        try:
            return await typed
        finally:
            if self._typed is typed:
                self.give_up()

    def give_up(self) -> None:
        """Stop waiting for a line; the cursor goes to the beginning of the next one unless the person was there."""
        typed, self._typed = self._typed, None
        if typed is None:
            return
        self._deaf()
        if not typed.done():
            typed.cancel()
        if typed.cancelled() or typed.result() is None:
            self.forget()
            with suppress(OSError):
                typer.echo("")

    # ------------------------------------------------------------ inside

    def _listen(self) -> None:
        self._look = None
        asyncio.get_running_loop().add_reader(self._fd, self._readable)

    def _deaf(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _readable(self) -> None:
        if not self.in_front():
            self._deaf()
            self._look = asyncio.get_running_loop().call_later(_LOOK, self._listen)
            return
        try:
            data = os.read(self._fd, _MOST)
        except OSError:
            data = b""
        if self._typed is not None and not self._typed.done():
            self._typed.set_result(data.decode(errors="replace").removesuffix("\n") if data else None)
        self._deaf()
