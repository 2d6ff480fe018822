"""The JavaScript kernel: Node's own read-eval loop in a process of its own, with a pipe for each direction."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import results
from .kernel import KernelFailed, kill, signal_group
from .results import Line

_PROGRAM = Path(__file__).with_name("node_kernel.js")
_START_SECONDS = 30.0
_STOP_SECONDS = 5.0
_LONGEST_LINE = 64 * 1024 * 1024


class NodeKernel:
    """A Node process that runs JavaScript, and TypeScript where that Node can take its types away."""

    def __init__(self, program: str, cwd: str, environment: Mapping[str, str]) -> None:
        self._program = program
        self._cwd = cwd
        self._environment = dict(environment)
        self._process: Process | None = None
        self._count = 0

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        answers, theirs = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                self._program, str(_PROGRAM), str(theirs), cwd=self._cwd, env=self._environment, pass_fds=[theirs],
                start_new_session=True, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as error:
            os.close(answers)
            raise KernelFailed(str(error)) from error
        finally:
            os.close(theirs)
        self._answers = asyncio.StreamReader(limit=_LONGEST_LINE)
        loop = asyncio.get_running_loop()
        protocol = asyncio.StreamReaderProtocol(self._answers)
        self._pipe, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(answers, "rb"))
        try:
            ready = await asyncio.wait_for(self._answers.readline(), _START_SECONDS)
        except TimeoutError:
            ready = b""
        if not ready:
            await self.stop()
            raise KernelFailed("the javascript kernel did not start")

    async def execute(self, code: str) -> AsyncIterator[Line]:
        self._count += 1
        yield results.count(self._count)
        if not self._send({"code": code}):
            yield results.RESTARTED
            return
        while True:
            raw = await self._answers.readline()
            if not raw:
                yield results.RESTARTED
                return
            said = json.loads(raw)
            if said["type"] == "done":
                return
            yield _line(said)

    def _send(self, message: Mapping[str, Any]) -> bool:
        if not self.alive or self._process is None or self._process.stdin is None:
            return False
        with suppress(ConnectionError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            return True
        return False

    async def set_environment(self, values: Mapping[str, str], gone: list[str]) -> None:
        if self._send({"set": dict(values), "unset": gone}):
            while (raw := await self._answers.readline()) and json.loads(raw)["type"] != "done":
                pass

    def interrupt(self) -> None:
        if self._process is not None:
            signal_group(self._process, signal.SIGINT)

    async def stop(self) -> None:
        if self._process is None:
            return
        kill(self._process)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        self._pipe.close()


def _line(said: Mapping[str, Any]) -> Line:
    if said["type"] == "result":
        return results.result(said["data"], main=bool(said["main"]))
    if said["type"] == "error":
        return results.error(said["name"], said["value"], [said["stack"]])
    return results.output(said["type"], said["text"])
