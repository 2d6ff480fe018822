"""The filter of system calls that every process of a box runs under (seccomp(2), BPF).

Everything is allowed but what the tables of `syscalls` name: a list of what is allowed would break programs with every
new kernel and libc, and namespaces, missing capabilities and the file tree are walls of their own. The filter is the
second wall: it takes from a box those parts of the kernel where faults have been found most.

`ptrace` stays: debuggers are wanted in a box, the kernel lets a process be traced by its own user only, and process 1,
the agent, is not dumpable and so cannot be traced by anybody without CAP_SYS_PTRACE, which nobody in a box has.

Since Linux 5.11 the kernel works out once for each call that the filter always allows it, and then does not run the
filter at all; so it costs next to nothing.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import field
from functools import cache

from runner.embedded.e2b.walls.syscalls import ARCHITECTURES, JUDGED, REFUSED, UNKNOWN, Architecture
from runner.records import dataclass

# linux/bpf_common.h, linux/seccomp.h
_LOAD, _AND = 0x20, 0x54
_EQUAL, _AT_LEAST, _ANY, _JUMP, _RETURN = 0x15, 0x35, 0x45, 0x05, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
# Places in struct seccomp_data: number, architecture, and the low halves of the arguments (both little-endian).
_NUMBER, _ARCHITECTURE = 0, 4
_X32 = 0x40000000
#: CLONE_NEWTIME NEWNS NEWCGROUP NEWUTS NEWIPC NEWUSER NEWPID NEWNET (linux/sched.h).
_NEW = 0x80 | 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
#: For clone the lowest byte is a signal's number, not CLONE_NEWTIME.
_NEW_BY_CLONE = _NEW & ~0xFF
#: Putting words into a terminal's input, for whoever reads from it next (asm/ioctls.h).
_IOCTLS = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
#: RLIMIT_CORE (asm-generic/resource.h).
_CORE = 4
_NETLINK = 16
#: AF_UNIX, AF_INET, AF_INET6: others are for machines with more than a loopback, or talk to the kernel or the host.
_FAMILIES = (1, 2, 10)
#: NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_KOBJECT_UEVENT: looking at one's own network and devices.
_NETLINKS = (0, 4, 15)


def _argument(index: int) -> int:
    return 16 + 8 * index


@dataclass(slots=True)
class Assembler:
    """Collects instructions whose jumps name labels; a jump goes forward only, by at most 255 instructions."""

    _lines: list[tuple[int, str | None, str | None, int]] = field(default_factory=list)
    _labels: dict[str, int] = field(default_factory=dict)

    def load(self, offset: int) -> None:
        """Take a word of struct seccomp_data."""
        self._lines.append((_LOAD, None, None, offset))

    def mask(self, value: int) -> None:
        """Keep these bits of it."""
        self._lines.append((_AND, None, None, value))

    def test(self, code: int, value: int, yes: str | None = None, no: str | None = None) -> None:
        """Go to a label; to the next instruction where none is named."""
        self._lines.append((code, yes, no, value))

    def go(self, label: str) -> None:
        """Go to a label, however far."""
        self._lines.append((_JUMP, label, None, 0))

    def answer(self, value: int) -> None:
        """End with this."""
        self._lines.append((_RETURN, None, None, value))

    def label(self, name: str) -> None:
        """Name the next instruction."""
        self._labels[name] = len(self._lines)

    def assemble(self) -> bytes:
        """The program as an array of struct sock_filter. Raises ValueError for a jump that is too far or backward."""
        parts = []
        for place, (code, yes, no, value) in enumerate(self._lines):
            first, second = (0 if name is None else self._labels[name] - place - 1 for name in (yes, no))
            if code == _JUMP:
                first, value = 0, first
            if not (0 <= first < 256 and 0 <= second < 256 and value >= 0):
                raise ValueError(f"instruction {place} jumps too far: {first}, {second}")
            parts.append(struct.pack("=HBBI", code, first, second, value))
        return b"".join(parts)


def program(machine: str = "") -> bytes | None:
    """The filter for `bwrap --seccomp`; None for an architecture that the tables do not know."""
    architecture = ARCHITECTURES.get(machine or os.uname().machine)
    return None if architecture is None else _program(architecture)


@contextmanager
def opened() -> Iterator[list[int]]:
    """The filter for this machine as an open file to hand to bubblewrap once; an empty list where there is none."""
    filter_ = program()
    if filter_ is None:
        yield []
        return
    fd = os.memfd_create("filter")
    try:
        os.write(fd, filter_)
        os.lseek(fd, 0, os.SEEK_SET)
        yield [fd]
    finally:
        os.close(fd)


@cache
def _program(architecture: Architecture) -> bytes:
    made = Assembler()
    made.load(_ARCHITECTURE)
    # Another architecture's calls have other numbers, so none can be let through.
    made.test(_EQUAL, architecture.audit, no="kill")
    made.load(_NUMBER)
    if architecture.x32:
        made.test(_AT_LEAST, _X32, yes="unknown")
    for name, numbers in JUDGED.items():
        made.test(_EQUAL, numbers[architecture.column], yes=name)
    for number in _column(UNKNOWN.values(), architecture):
        made.test(_EQUAL, number, yes="unknown")
    for number in _column(REFUSED.values(), architecture):
        made.test(_EQUAL, number, yes="refused")
    made.answer(_ALLOW)
    _namespaces(made)
    _terminals(made)
    _dumps(made)
    _sockets(made)
    for label, value in (
        ("refused", _ERRNO | errno.EPERM),
        ("unknown", _ERRNO | errno.ENOSYS),
        ("ignored", _ERRNO),  # as if it had been done
        ("no family", _ERRNO | errno.EAFNOSUPPORT),
        ("no protocol", _ERRNO | errno.EPROTONOSUPPORT),
        ("allowed", _ALLOW),
        ("kill", _KILL),
    ):
        made.label(label)
        made.answer(value)
    return made.assemble()


def _column(rows: Iterable[tuple[int | None, int | None]], architecture: Architecture) -> list[int]:
    return sorted(number for row in rows if (number := row[architecture.column]) is not None)


def _namespaces(made: Assembler) -> None:
    for name, flags in (("clone", _NEW_BY_CLONE), ("unshare", _NEW)):
        made.label(name)
        made.load(_argument(0))
        made.test(_ANY, flags, yes="refused", no="allowed")


def _terminals(made: Assembler) -> None:
    made.label("ioctl")
    made.load(_argument(1))  # the kernel, too, looks at the low half only
    for number in _IOCTLS:
        made.test(_EQUAL, number, yes="refused")
    made.go("allowed")


def _dumps(made: Assembler) -> None:
    """The limit of core dumps stays at 1, which alone keeps the kernel from handing a dump to a program of the host's
    (core(5)): the limit 0 does not, where /proc/sys/kernel/core_pattern names a pipe.
    """
    made.label("setrlimit")
    made.load(_argument(0))
    made.test(_EQUAL, _CORE, yes="ignored", no="allowed")
    made.label("prlimit64")
    made.load(_argument(1))
    made.test(_EQUAL, _CORE, no="allowed")
    for half in (0, 4):  # no new limit: it only asks
        made.load(_argument(2) + half)
        made.test(_EQUAL, 0, no="ignored")
    made.go("allowed")


def _sockets(made: Assembler) -> None:
    made.label("socket")
    made.label("socketpair")
    made.load(_argument(0))
    for family in _FAMILIES:
        made.test(_EQUAL, family, yes="plain")
    made.test(_EQUAL, _NETLINK, no="no family")
    made.load(_argument(2))
    for protocol in _NETLINKS:
        made.test(_EQUAL, protocol, yes="allowed")
    made.go("no protocol")
    made.label("plain")
    made.load(_argument(1))
    made.mask(0xF)  # the rest are SOCK_NONBLOCK and SOCK_CLOEXEC
    made.test(_EQUAL, 3, yes="refused", no="allowed")  # SOCK_RAW
