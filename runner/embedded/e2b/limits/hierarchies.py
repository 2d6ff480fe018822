"""Which hierarchies of control groups are mounted here, and what they allow ourselves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from runner.records import dataclass

#: The controllers of version 1 that are of use, a hierarchy each or several in one.
OLD = ("memory", "cpu", "cpuacct", "pids", "freezer")


@dataclass(frozen=True, slots=True)
class Mounted:
    """A mounted hierarchy: its version, its controllers (none for version 2, whose files tell), where it is mounted,
    and our own group in it.
    """

    version: int
    controllers: frozenset[str]
    top: Path
    own: Path


def mounted(mountinfo: str, own: str) -> list[Mounted]:
    """The hierarchies by `/proc/self/mountinfo` (proc(5)) and `/proc/self/cgroup` (cgroups(7))."""
    places = {}
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        places[controllers] = path
    found = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        root, point = left.split()[3:5]
        kind, _, options = right.split(" ", 2)
        if kind == "cgroup2":
            found.append(_mounted(2, frozenset(), Path(point), root, places.get("", "/")))
        elif kind == "cgroup":
            held = frozenset(options.split(",")) & set(OLD)
            paths = [path for names, path in places.items() if held & set(names.split(","))]
            found += [_mounted(1, held, Path(point), root, path) for path in paths[:1]]
    return found


def _mounted(version: int, controllers: frozenset[str], top: Path, root: str, path: str) -> Mounted:
    # In a container the path may be the host's, of which only a part is mounted here.
    inside = path[len(root) :] if root != "/" and path.startswith(root) else path
    own = top / inside.lstrip("/")
    return Mounted(version, controllers, top, own if own.is_dir() else top)


def here() -> list[Mounted]:
    """The hierarchies of this machine."""
    try:
        return mounted(Path("/proc/self/mountinfo").read_text(), Path("/proc/self/cgroup").read_text())
    except OSError:
        return []


def own_ceiling(hierarchies: Iterable[Mounted]) -> tuple[float | None, int | None]:
    """How many processors and bytes of memory we ourselves may use; None where nothing says so."""
    cpus: list[float] = []
    memory: list[int] = []
    for each in hierarchies:
        for folder in (each.own, *each.own.parents):
            memory += _numbers(folder / ("memory.max" if each.version == 2 else "memory.limit_in_bytes"))[:1]
            quota = (
                _numbers(folder / "cpu.max")
                if each.version == 2
                else _numbers(folder / "cpu.cfs_quota_us") + _numbers(folder / "cpu.cfs_period_us")
            )
            if len(quota) == 2 and quota[0] > 0:
                cpus.append(quota[0] / quota[1])
            if folder == each.top:
                break
    return min(cpus, default=None), min(memory, default=None)


def _numbers(file: Path) -> list[int]:
    try:
        return [int(word) for word in file.read_text().split() if word.lstrip("-").isdigit()]
    except OSError:
        return []
