"""Attempts whose commands went on while no process of the run was there.

A box that outlives its run's process keeps what such a command prints, and how it ends (`runner.sandbox.keeping`). Who
goes on with the run finds it by the name that the first process gave it, and goes on with the same attempt: its log
from where it stops, its time from when it began, its exit code. The log says how far it has come: each line of it
counts the characters of its stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from runner.compiler.canonical import Json
from runner.run.clock import moment
from runner.run.logfile import safe_name
from runner.run.ports import Box, CommandResult, OnOutput, Stream

#: Seconds that a command which is taken up gets at least: its output has to come over, though its time may be up.
LEAST = 10.0


class Keeping(Protocol):
    """The commands of a box that outlive who started them, by the names of `Command.keep`."""

    async def there(self, name: str) -> bool:
        """Whether the command goes on, or its end is known. Raises BoxError."""
        ...

    async def rejoin(
        self, name: str, seconds: float, after: Mapping[Stream, int], on_output: OnOutput
    ) -> CommandResult:
        """Follow the command to its end, for so many seconds at most; `on_output` gets what it prints after so many
        characters of each stream. On timeout, and when the caller is cancelled, its process tree is killed first.

        Raises CommandTimeout, BoxError.
        """
        ...

    def let_go(self) -> None:
        """Kill none of them from now on, whoever is cancelled here: another process goes on with them."""
        ...

    async def forget(self, name: str) -> None:
        """Remove what the command printed; how it ended stays known. Raises BoxError."""
        ...


@runtime_checkable
class Keeper(Protocol):
    """A box that may outlive the process which uses it."""

    @property
    def keeping(self) -> Keeping | None:
        """None where it does not outlive it."""
        ...


def keeping(box: Box) -> Keeping | None:
    """What the box keeps of commands; None where it keeps nothing."""
    return box.keeping if isinstance(box, Keeper) else None


def kept_name(run: str, leg: str, attempt: int) -> str:
    """The name by which a box keeps the command of an attempt: the same for every process, and a good file name."""
    return safe_name(f"{run}.{leg}.{attempt}")


def may_go_on(leg: Mapping[str, Json], box: str) -> bool:
    """Whether a leg's attempt may have a command in that box, as the store has the leg."""
    return leg["box"] == box and leg["state"] == "running" and leg.get("began") == leg["attempt"]


def seconds_left(leg: Mapping[str, Json], timeout: float, now: float) -> float:
    """How many seconds of its `timeout` an attempt has left, at the Unix time `now`; never fewer than LEAST."""
    return max(LEAST, timeout - max(0.0, now - moment(str(leg["started_at"]))))
