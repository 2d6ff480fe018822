"""What a box may use, and how it is held to that: the ladder from control groups down to rlimits and a watcher.

| what | control groups | otherwise |
|---|---|---|
| memory | the kernel kills within the box | RLIMIT_DATA for each process; the sum: `overuse` kills the largest |
| processors | quota | none: a box is told that it has all of the machine's |
| processes | `pids` | RLIMIT_NPROC, which counts all of the box's user |
| pause | freezer | SIGSTOP to each process |

Each is taken for itself where it can be had; `rung` says in a word which it is.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from runner.embedded.e2b.limits import cgroups, hierarchies
from runner.embedded.e2b.limits.hierarchies import Mounted
from runner.embedded.e2b.templates import Template
from runner.records import dataclass

#: Processes and threads of a box.
PROCESSES = 2_048
_FILES = 65_536
#: Waits for the end of its input, which is ours, and lets all go on.
_GUARD = 'read -r word; for each in "$1"/*/freezer.state; do echo THAWED >"$each"; done 2>/dev/null'
_MIB = 2**20
_SMALLEST_DISK = 256
#: A box that is out of memory loses its commands before its agent, and the machine its boxes before the edge.
_OOM = 500


@dataclass(frozen=True, slots=True)
class Machine:
    """What boxes have at most: processors and MiB of memory that we ourselves may use."""

    cpus: int
    memory_mb: int

    @classmethod
    def here(cls, mounted: Iterable[Mounted]) -> Machine:
        """The machine we are on, as far as it is ours: a container's own limits count."""
        cpus, memory = hierarchies.own_ceiling(mounted)
        physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE")
        processors = len(os.sched_getaffinity(0))
        return cls(
            max(1, min(processors, int(cpus) if cpus else processors)),
            min(physical, memory if memory and memory > 0 else physical) // _MIB,
        )


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one box may use: processors, MiB of memory and of disk, processes and threads. It is what it is told."""

    cpus: int
    memory_mb: int
    disk_mb: int
    processes: int = PROCESSES


class Limits:
    """How the boxes of one edge are limited."""

    def __init__(self, folder: Path, mounted: Iterable[Mounted] | None = None) -> None:
        """`folder` lies where boxes' files do; `mounted` control groups are by default this machine's."""
        self._folder = folder
        found = hierarchies.here() if mounted is None else list(mounted)
        self.machine = Machine.here(found)
        self._groups = cgroups.Groups(found)
        self._guardian: subprocess.Popen[bytes] | None = None

    @property
    def rung(self) -> str:
        """`cgroup2`, `cgroup1`, or `rlimits` where memory or processes cannot be limited by control groups."""
        return f"cgroup{self._groups.version}" if {"memory", "pids"} <= self.controllers else "rlimits"

    @property
    def controllers(self) -> frozenset[str]:
        """What the kernel itself sees to: of `memory`, `cpu`, `cpuacct`, `pids`, `freezer`."""
        return frozenset(self._groups.parents)

    def allow(self, template: Template) -> Allowance:
        """What a box of this template gets: never more than the machine has, and all that nothing holds it to."""
        cpus = min(template.cpu, self.machine.cpus) if "cpu" in self.controllers else self.machine.cpus
        disk, free = template.disk_mb, shutil.disk_usage(self._folder).free // _MIB
        while disk > free and disk > _SMALLEST_DISK:
            disk //= 2  # in few steps: of each size an empty disk is kept ready
        return Allowance(cpus, min(template.memory_mb, self.machine.memory_mb), disk, _processes())

    def confine(self, name: str, allowance: Allowance) -> Confinement:
        """Prepare the limits of a box of this name. Raises OSError."""
        group = self._groups.group(name) if self._groups.version else None
        if group is not None:
            try:
                group.make(cgroups.Ceiling(allowance.cpus, allowance.memory_mb * _MIB, allowance.processes))
            except OSError:
                group.remove()
                raise
        return Confinement(allowance, group, self._guard, self.rung)

    def _guard(self) -> None:
        """See to it that nothing frozen outlives us, `kill -9` included: version 1 does not let it die."""
        place = self._groups.parents.get("freezer")
        if self._guardian is None and place is not None and self._groups.version == 1:
            self._guardian = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "guard", str(place)], stdin=subprocess.PIPE, start_new_session=True, env={}
            )

    def close(self) -> None:
        """Remove what was made; blocks. The boxes must have ended."""
        if self._guardian is not None:
            self._guardian.communicate()
        self._groups.close()


class Confinement:
    """The limits of one box."""

    def __init__(self, allowance: Allowance, group: cgroups.Group | None, guard: Callable[[], None], rung: str) -> None:
        """`guard` is called before something is frozen; `rung` is the edge's, for the box to tell."""
        self.allowance = allowance
        self.rung = rung
        self._guard = guard
        self._group = group
        self._controllers = group.controllers if group else frozenset[str]()

    def enter(self) -> None:
        """Be limited from now on: called in the first process of the box, between fork and exec. Raises OSError."""
        if self._group is not None:
            self._group.enter()
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))  # it stays so: see the filter of system calls
        # Whoever has the right sets with it how low anybody in the box may ever go again (proc(5)).
        Path("/proc/self/oom_score_adj").write_text(str(_OOM))

    def rlimits(self) -> dict[str, int]:
        """What every process of the box has, by the names of `resource`; for those that control groups do not hold."""
        held = {
            "RLIMIT_NOFILE": _FILES,
            "RLIMIT_FSIZE": self.allowance.disk_mb * _MIB,
            "RLIMIT_NPROC": self.allowance.processes,
            "RLIMIT_RTPRIO": 0,
            "RLIMIT_NICE": 0,
        }
        if "memory" not in self._controllers:
            # RLIMIT_AS is no use: engines of JavaScript and Go reserve addresses by the gigabyte and use few.
            held["RLIMIT_DATA"] = self.allowance.memory_mb * _MIB
        return held

    def held(self) -> dict[str, str]:
        """By what the box is held to each limit: `cgroup1`, `cgroup2`, or what stands in for it."""
        others = {"memory": "watched", "cpu": "none", "pids": "rlimits", "freezer": "signals"}
        names = {"memory": "memory", "cpu": "cpu", "pids": "processes", "freezer": "pause"}
        version = "" if self._group is None else f"cgroup{self._group.version}"
        return {names[key]: version if key in self._controllers else other for key, other in others.items()}

    def usage(self) -> cgroups.Usage | None:
        """What the box has used; None where its own agent must count."""
        return self._group.usage() if self._group else None

    def memory_kills(self) -> int:
        """How many of its processes the kernel has killed for want of memory, as far as it counts."""
        return self._group.memory_kills() if self._group else 0

    def freeze(self, frozen: bool) -> bool:
        """Stop everything in the box, or let it go on; False where only signals can. Raises OSError."""
        if self._group is None or "freezer" not in self._controllers:
            return False
        if frozen:
            self._guard()
        self._group.freeze(frozen)
        return True

    def thaw(self) -> None:
        """Let what is frozen go on, so that it can be ended. Nothing to thaw is as good."""
        with suppress(OSError):
            self.freeze(False)

    def end(self) -> None:
        """Kill what is left of the box, frozen or not, and remove its limits; blocks. Twice is as good as once."""
        if self._group is not None:
            self._group.remove()


def _processes() -> int:
    """How many a box may have: where boxes run as ourselves, at most half of ours, so that we can still make others."""
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    return PROCESSES if hard == resource.RLIM_INFINITY else min(PROCESSES, hard // 2)
