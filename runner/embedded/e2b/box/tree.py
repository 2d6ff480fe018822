"""Which processes belong to a command: its session, its descendants, and whoever carries its badge.

A command's children may leave its session (`setsid`), be orphaned (a double fork) and clear their environment
(`env -i`), so none of these finds them all. Every command therefore gets a badge that children inherit through all
that: a soft RLIMIT_RTTIME of its own. That limit is for processes with realtime scheduling, which a box has none of,
and it is set so high that it limits nobody.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

#: The first badge, in microseconds, where the hard limit allows it: eleven days.
_FIRST_BADGE = 10**12
_BADGE = re.compile(rb"^Max realtime timeout +(\d+) ", re.MULTILINE)
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


@contextmanager
def wearing(number: int) -> Iterator[int]:
    """Give what is started inside the n-th badge, and say which it is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_RTTIME)
    badge = _FIRST_BADGE + number if hard == resource.RLIM_INFINITY else hard - number
    resource.setrlimit(resource.RLIMIT_RTTIME, (badge, hard))
    try:
        yield badge
    finally:
        resource.setrlimit(resource.RLIMIT_RTTIME, (soft, hard))


@contextmanager
def carrying(pid: int) -> Iterator[None]:
    """Give what is started inside the badge of a process, if it has one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_RTTIME)
    badge = worn(pid)
    resource.setrlimit(resource.RLIMIT_RTTIME, (soft if badge is None else badge, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_RTTIME, (soft, hard))


def worn(pid: int, proc: Path = Path("/proc")) -> int | None:
    """The badge of a process; None when it has none, or has ended."""
    try:
        found = _BADGE.search((proc / str(pid) / "limits").read_bytes())
    except OSError:
        return None
    return None if found is None else int(found[1])


def sacrifice(pid: int) -> None:
    """When memory is short, end this process and its children before the agent, which ends the box (proc(5))."""
    with suppress(OSError):  # it has ended already
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000")


def wears(pid: int, badge: int, proc: Path = Path("/proc")) -> bool:
    """Whether a process carries this badge."""
    return worn(pid, proc) == badge


def members(root: int, table: Iterable[Proc], carriers: Iterable[int] = ()) -> set[int]:
    """The living processes of the command that was started as `root`: session, descendants, carriers of its badge."""
    alive = [entry for entry in table if entry.state not in ("Z", "X")]
    family = {entry.pid for entry in alive if entry.session == root or entry.pid == root} | set(carriers)
    grown = True
    while grown:
        born = {entry.pid for entry in alive if entry.parent in family and entry.pid not in family}
        family |= born
        grown = bool(born)
    return family & {entry.pid for entry in alive}


def find(root: int, badge: int) -> set[int]:
    """The living processes of a command, never the agent itself."""
    table = processes()
    carriers = [entry.pid for entry in table if wears(entry.pid, badge)]
    return members(root, table, carriers) - {1, os.getpid()}


def send(root: int, badge: int, number: int) -> bool:
    """Send a signal to all processes of a command. False when none lives.

    SIGKILL goes round until nobody is left, because a process may fork between the look and the signal.
    """
    family = find(root, badge)
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
        family = find(root, badge)
    return reached
