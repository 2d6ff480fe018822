"""What every kernel is: a process that runs code piece by piece and keeps its state between the pieces."""

from __future__ import annotations

import os
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from .results import Line


class KernelFailed(Exception):
    """A kernel that does not start; the text says why."""


class Kernel(Protocol):
    """A running or not yet started kernel. It runs one piece of code at a time; whoever calls sees to that."""

    async def start(self) -> None:
        """Start it and wait until it takes code. Raises KernelFailed."""

    def execute(self, code: str) -> AsyncIterator[Line]:
        """Run code and give its lines as they come; the kernel's own death is an error among them."""

    async def set_environment(self, values: Mapping[str, str], gone: list[str]) -> None:
        """Set variables of its environment, and remove those in `gone`."""

    def interrupt(self) -> None:
        """Break off what it runs."""

    async def stop(self) -> None:
        """End it and all that it started."""

    @property
    def alive(self) -> bool:
        """Whether it runs."""


def signal_group(process: Process, number: signal.Signals) -> None:
    """Send a signal to a kernel that leads a process group, and to what it has started there."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def kill(process: Process) -> None:
    """End a kernel and all its descendants, those with sessions of their own too (Bash has one for its terminal)."""
    found, todo = [], [process.pid]
    while todo:
        found.append(todo.pop())
        todo += _children(found[-1])
    signal_group(process, signal.SIGKILL)
    for pid in found[1:]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with suppress(OSError):  # it has ended
        for thread in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (thread / "children").read_text().split())
    return children
