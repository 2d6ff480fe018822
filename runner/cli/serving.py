"""Keeping the gateway of a state folder alive, for as long as a supervisor works."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from runner.compiler.canonical import Json
from runner.embedded.surreal.launch import called
from runner.embedded.surreal.notice import serving
from runner.embedded.surreal.settings import Settings

#: Called with a word for what happened, a sentence for people, and what it is about.
Tell = Callable[[str, str, dict[str, Json]], None]
#: Seconds before a gateway that did not start, or did not last, is started again: the first time, and at most.
_FIRST, _LONGEST = 0.2, 10.0
#: Seconds after which a gateway counts as one that lasts.
_LASTS = 30.0


class GatewayKeeper:
    """Use as a context manager. Without `wanted` there is nothing to keep.

    A gateway that somebody else has started is as good. One that was killed leaves its port and password to the next,
    so that clients find it again. At the end ours is told, and ends with its last client: runs go on by it.
    """

    def __init__(self, state: Path, tell: Tell, *, wanted: bool) -> None:
        self._state = state
        self._tell = tell
        self._wanted = wanted
        self._process: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0
        self._pause = _FIRST
        self._since = 0.0
        self._trouble = ""

    def __enter__(self) -> GatewayKeeper:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        words = f"the gateway, process {process.pid}, ends with its last client"
        self._tell("gateway-ends", words, {"pid": process.pid})

    async def serves(self, now: float) -> bool:
        """Whether the state can be worked on, by a gateway if one is wanted, which is started where there is none."""
        if not self._wanted or serving(self._state / "state") is not None:
            return True
        if now < self._not_before:
            return False
        self._lost(now)
        if await self._started():
            self._since = now
            return True
        self._not_before, self._pause = now + self._pause, min(2 * self._pause, _LONGEST)
        return False

    def _lost(self, now: float) -> None:
        """Let go of the one before."""
        process, self._process = self._process, None
        if process is None:
            return
        code = process.wait()
        self._pause = _FIRST if now - self._since > _LASTS else min(2 * self._pause, _LONGEST)
        self._tell("gateway-lost", f"the gateway ended with exit code {code}", {"exit_code": code})

    async def _started(self) -> bool:
        words, env = called(Settings(str(self._state), linger=True))
        pipe = subprocess.PIPE
        # Popen, not asyncio: what asyncio has started it kills at its own end.
        process = subprocess.Popen(words, stdin=pipe, stdout=pipe, start_new_session=True, env=env)  # noqa: ASYNC220
        said = await asyncio.to_thread(_first_words, process)
        if not said.startswith("{"):
            process.wait()
            reason = said.partition("\n")[2] or f"it ended with exit code {process.returncode}"
            if reason != self._trouble:
                self._trouble = reason
                self._tell("gateway-trouble", f"the gateway does not start: {reason}", {})
            return False
        self._process, self._trouble, url = process, "", str(json.loads(said)["url"])
        about = f"the gateway serves the state at {url}, process {process.pid}"
        self._tell("gateway", about, {"url": url, "pid": process.pid})
        return True


def _first_words(process: subprocess.Popen[bytes]) -> str:
    """The line in which it says where it serves; all that it says when it does not."""
    if process.stdout is None:
        return ""
    first = process.stdout.readline()
    return (first if first.startswith(b"{") else first + process.stdout.read()).decode().strip()
