"""Control groups of the kernel: the parent group of an edge and one child for each box.

Version 2 where it has the controllers, else version 1, each of whose hierarchies may be there or not
(Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/ of the kernel). What cannot be had here is for `limits` to
make up for.

The parent group is named after its edge (`runner-e2b-PIDNS-PID-START`), so that the next edge knows the groups of a
dead one and clears them, with whatever is frozen in them: under version 1 nothing frozen can die.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from runner.embedded.e2b.limits.hierarchies import Mounted
from runner.records import dataclass

_PREFIX = "runner-e2b-"
_NAME = re.compile(re.escape(_PREFIX) + r"(\d+)-(\d+)-(\d+)")
#: What is asked of version 2; freezing needs no controller there.
_NEW = ("memory", "cpu", "pids")
_NAMESPACE = Path("/proc/self/ns/pid")
_PERIOD = 100_000
_PATIENCE = 2.0
_PAUSE = 0.01


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What a group may have at most: processors, bytes of memory (swap is off), processes and threads."""

    cpus: float
    memory: int
    processes: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Used by a group: seconds of processor, bytes of memory now, and beside that of cache that can be dropped."""

    cpu_seconds: float
    memory: int
    cache: int


class Group:
    """The group of one box: a folder for each controller, in version 2 the same one for all."""

    def __init__(self, version: int, folders: Mapping[str, Path]) -> None:
        self.version = version
        self._folders = dict(folders)

    @property
    def controllers(self) -> frozenset[str]:
        """What it limits or does: of `memory`, `cpu`, `cpuacct`, `pids`, `freezer`."""
        return frozenset(self._folders)

    def _places(self) -> list[Path]:
        return list(dict.fromkeys(self._folders.values()))

    def make(self, ceiling: Ceiling) -> None:
        """Make it and set its limits. Raises OSError."""
        for place in self._places():
            place.mkdir(exist_ok=True)
        for controller, name, value in _settings(self.version, ceiling):
            if controller in self._folders:
                self._set(controller, name, value)

    def _set(self, controller: str, name: str, value: str) -> None:
        place = self._folders[controller] / name
        # The kernel may be built or started without accounting of swap: no swap is then a matter of the machine.
        if place.exists() or "sw" not in name:
            place.write_text(value)

    def enter(self, pid: int = 0) -> None:
        """Move a process into it, by default the calling one, of one thread; its children follow. Raises OSError."""
        # A thread that moves itself needs no lock over all processes of the machine, which costs 10 ms.
        name = "tasks" if self.version == 1 and pid == 0 else "cgroup.procs"
        for place in self._places():
            (place / name).write_text(str(pid))

    def freeze(self, frozen: bool) -> None:
        """Stop all of it, or let it go on; back when it is so. What cannot be stopped goes on. Raises OSError."""
        if self.version == 2:
            place, word = self._folders["freezer"] / "cgroup.freeze", str(int(frozen))
            state, wanted = self._folders["freezer"] / "cgroup.events", f"frozen {int(frozen)}"
        else:
            place = state = self._folders["freezer"] / "freezer.state"
            word = wanted = "FROZEN" if frozen else "THAWED"
        end = time.monotonic() + _PATIENCE
        place.write_text(word)
        while wanted not in state.read_text():
            if frozen and place.read_text().strip() in ("THAWED", "0"):
                raise InterruptedError(f"{place}: somebody has let it go on meanwhile")
            if time.monotonic() > end:
                if frozen:
                    place.write_text("THAWED" if self.version == 1 else "0")
                raise TimeoutError(f"{place} did not become {wanted!r} within {_PATIENCE:g} s")
            time.sleep(_PAUSE)

    def usage(self) -> Usage | None:
        """What it has used; None where the kernel does not count both."""
        if "memory" not in self._folders or not self._folders.keys() & {"cpu", "cpuacct"}:
            return None
        memory = self._folders["memory"]
        try:
            if self.version == 2:
                spent = _stat(self._folders["cpu"] / "cpu.stat", "usage_usec") / 1e6
                used = int((memory / "memory.current").read_text())
                droppable = _stat(memory / "memory.stat", "inactive_file")
            else:
                spent = int((self._folders["cpuacct"] / "cpuacct.usage").read_text()) / 1e9
                used = int((memory / "memory.usage_in_bytes").read_text())
                droppable = _stat(memory / "memory.stat", "total_inactive_file")
        except (OSError, KeyError):
            return None
        return Usage(spent, max(0, used - droppable), droppable)

    def memory_kills(self) -> int:
        """How many of its processes the kernel has killed because the group had too much memory."""
        memory = self._folders.get("memory")
        if memory is None:
            return 0
        try:
            return _stat(memory / ("memory.events" if self.version == 2 else "memory.oom_control"), "oom_kill")
        except (OSError, KeyError):
            return 0

    def processes(self) -> set[int]:
        """Who is in it."""
        found: set[int] = set()
        for place in self._places():
            with suppress(OSError):
                found |= {int(word) for word in (place / "cgroup.procs").read_text().split()}
        return found

    def kill(self) -> None:
        """End all that is in it, frozen or not."""
        if "freezer" in self._folders:
            with suppress(OSError):
                self.freeze(False)
        for pid in self.processes() - {0, os.getpid()}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def remove(self) -> bool:
        """Remove it, waiting a little until the last one in it is gone; whether that could be done. Blocks."""
        end = time.monotonic() + _PATIENCE
        while not all(_removed(place) for place in self._places()):
            if time.monotonic() > end:
                return False
            self.kill()
            time.sleep(_PAUSE)
        return True


def _removed(place: Path) -> bool:
    try:
        place.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _stat(file: Path, name: str) -> int:
    for line in file.read_text().splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    raise KeyError(name)


def _settings(version: int, ceiling: Ceiling) -> Iterator[tuple[str, str, str]]:
    quota = max(1_000, int(ceiling.cpus * _PERIOD))
    if version == 2:
        yield "memory", "memory.max", str(ceiling.memory)
        yield "memory", "memory.swap.max", "0"
        yield "cpu", "cpu.max", f"{quota} {_PERIOD}"
        yield "pids", "pids.max", str(ceiling.processes)
    else:
        yield "memory", "memory.limit_in_bytes", str(ceiling.memory)
        yield "memory", "memory.memsw.limit_in_bytes", str(ceiling.memory)
        yield "cpu", "cpu.cfs_period_us", str(_PERIOD)
        yield "cpu", "cpu.cfs_quota_us", str(quota)
        yield "pids", "pids.max", str(ceiling.processes)


class Groups:
    """The parent groups of one edge."""

    def __init__(self, hierarchies: Iterable[Mounted]) -> None:
        """Take what can be had of these hierarchies; the groups of dead edges are removed."""
        self._name = _name(os.getpid())
        self.version = 0
        #: The folder of each controller that can be had.
        self.parents: dict[str, Path] = {}
        every = list(hierarchies)
        for version in (2, 1):
            for each in every:
                if each.version == version:
                    for folder in dict.fromkeys((each.top, *_upward(each))):
                        _clear_dead(folder, version)
            self.parents = self._found(version, every)
            if {"memory", "pids"} <= self.parents.keys():
                self.version = version
                return
        self.version = 1 if self.parents else 0

    def _found(self, version: int, every: list[Mounted]) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for each in every:
            if each.version != version:
                continue
            # The top first: groups below our own could hinder whoever made it from removing it.
            for folder in dict.fromkeys((each.top, *_upward(each))):
                names = _try_new(folder / self._name) if version == 2 else _try_old(folder / self._name, each)
                if names:
                    found |= dict.fromkeys(names, folder / self._name)
                    break
        return found

    def group(self, name: str) -> Group:
        """The group of a box, not yet made."""
        return Group(self.version, {key: place / name for key, place in self.parents.items()})

    def close(self) -> None:
        """Remove the parent groups, and what is left below them."""
        for place in dict.fromkeys(self.parents.values()):
            _clear(place, self.version)


def _upward(each: Mounted) -> list[Path]:
    """Our own group and those above it, nearest first: the farthest that is ours is where we may move processes."""
    return [folder for folder in (each.own, *each.own.parents) if folder.is_relative_to(each.top)]


def _try_old(place: Path, each: Mounted) -> list[str]:
    with suppress(OSError):
        place.mkdir(exist_ok=True)
        if os.access(place / "cgroup.procs", os.W_OK):
            if "cpu" in each.controllers:
                # On each processor all boxes together weigh no more than the edge alone, which so goes on serving.
                (place / "cpu.shares").write_text(str(1024 * (os.cpu_count() or 1)))
            return list(each.controllers)
        place.rmdir()
    return []


def _try_new(place: Path) -> list[str]:
    """Make the parent and prove with a process that a child of it can be used."""
    try:
        place.mkdir(exist_ok=True)
        names = [name for name in _NEW if _handed_down(place, name)]
        if {"memory", "pids"} <= set(names):
            _prove(Group(2, dict.fromkeys(names, place / "probe")))
            return [*names, "freezer"]
    except OSError:
        _removed(place / "probe")
    _removed(place)
    return []


def _handed_down(place: Path, controller: str) -> bool:
    """Whether children of a group can be limited by this controller: it must be offered on each step down."""
    try:
        for folder in (place.parent, place):
            (folder / "cgroup.subtree_control").write_text(f"+{controller}")
    except OSError:
        return False
    return controller in (place / "cgroup.controllers").read_text().split()


def _prove(group: Group) -> None:
    group.make(Ceiling(1.0, 64 * 2**20, 16))
    pid = os.fork()
    if pid == 0:
        try:
            group.enter()
            os._exit(0)
        except OSError:
            os._exit(1)
    status = os.waitpid(pid, 0)[1]
    group.remove()
    if status:
        raise PermissionError("a process cannot be moved into a group of ours")


def _name(pid: int) -> str:
    namespace = _NAMESPACE.stat().st_ino
    return f"{_PREFIX}{namespace}-{pid}-{_born(pid)}"


def _born(pid: int) -> int:
    """When a process began, in ticks since the machine did; 0 for none."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return 0


def _clear_dead(folder: Path, version: int) -> None:
    for place in folder.glob(f"{_PREFIX}*"):
        found = _NAME.fullmatch(place.name)
        # Who lives in another pid namespace is nothing that we could know.
        if found and int(found[1]) == _NAMESPACE.stat().st_ino and _born(int(found[2])) != int(found[3]):
            _clear(place, version)


def _clear(place: Path, version: int) -> None:
    """Remove a parent group with what is left below it. Blocks for a moment when something lives there."""
    with suppress(OSError):
        for child in [each for each in place.iterdir() if each.is_dir()]:
            names = [name for name in ("freezer",) if (child / "freezer.state").exists() or version == 2]
            Group(version, dict.fromkeys(names or ["pids"], child)).remove()
    _removed(place)
