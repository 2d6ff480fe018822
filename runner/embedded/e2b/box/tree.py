"""Which processes belong to a command: its session, its descendants, and whoever carries its mark.

A command's children may leave its session (`setsid`) and be orphaned (a double fork), so neither the process group
nor the parents alone find them. Every command therefore gets a mark in its environment, which children inherit.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

#: The environment variable that marks the processes of one command.
MARK = "E2B_COMMAND"
_PAUSE = 0.002
_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Proc:
    """One line of the process table: ids, state letter, CPU ticks with those of reaped children, resident pages."""

    pid: int
    parent: int
    session: int
    state: str
    ticks: int
    pages: int


def parse_stat(raw: bytes) -> Proc:
    """Take `/proc/PID/stat` apart (proc(5)). The name in parentheses may hold blanks and parentheses itself."""
    start, end = raw.index(b"("), raw.rindex(b")")
    fields = raw[end + 2 :].split()
    ticks = sum(int(fields[index]) for index in (11, 12, 13, 14))
    return Proc(int(raw[:start]), int(fields[1]), int(fields[3]), fields[0].decode(), ticks, int(fields[21]))


def processes(proc: Path = Path("/proc")) -> list[Proc]:
    """All processes that can be seen here."""
    found: list[Proc] = []
    for folder in proc.iterdir():
        if folder.name.isdigit():
            try:
                found.append(parse_stat((folder / "stat").read_bytes()))
            except (OSError, ValueError, IndexError):
                continue  # it ended while we looked
    return found


def marked(pid: int, mark: str, proc: Path = Path("/proc")) -> bool:
    """Whether a process was started with this mark in its environment."""
    try:
        environment = (proc / str(pid) / "environ").read_bytes()
    except OSError:
        return False
    return f"{MARK}={mark}".encode() in environment.split(b"\0")


def members(root: int, table: Iterable[Proc], carriers: Iterable[int] = ()) -> set[int]:
    """The living processes of the command that was started as `root`: session, descendants, carriers of its mark."""
    alive = [entry for entry in table if entry.state not in ("Z", "X")]
    family = {entry.pid for entry in alive if entry.session == root or entry.pid == root} | set(carriers)
    grown = True
    while grown:
        born = {entry.pid for entry in alive if entry.parent in family and entry.pid not in family}
        family |= born
        grown = bool(born)
    return family & {entry.pid for entry in alive}


def find(root: int, mark: str) -> set[int]:
    """The living processes of a command, never the agent itself."""
    table = processes()
    carriers = [entry.pid for entry in table if marked(entry.pid, mark)]
    return members(root, table, carriers) - {1, os.getpid()}


def send(root: int, mark: str, number: int) -> bool:
    """Send a signal to all processes of a command. False when none lives.

    SIGKILL goes round until nobody is left, because a process may fork between the look and the signal.
    """
    family = find(root, mark)
    reached = bool(family)
    for _ in range(_ROUNDS):
        for pid in family:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        if number != signal.SIGKILL or not family:
            break
        time.sleep(_PAUSE)
        family = find(root, mark)
    return reached
