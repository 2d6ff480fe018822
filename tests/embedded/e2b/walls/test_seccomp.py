"""The filter of system calls, run by an interpreter of the kernel's BPF: what it lets through and what it answers."""

from __future__ import annotations

import errno
import os
import struct

import pytest

from runner.embedded.e2b.walls.seccomp import Assembler, program
from runner.embedded.e2b.walls.syscalls import ARCHITECTURES, JUDGED, REFUSED, UNKNOWN

ALLOW, KILL = 0x7FFF0000, 0x80000000


def run(filter_: bytes, number: int, *arguments: int, audit: int) -> int:
    """What the kernel would do (Documentation/networking/filter.rst), for the instructions that are in use."""
    words = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, audit, 0, *[word & (2**64 - 1) for word in words])
    lines = list(struct.iter_unpack("=HBBI", filter_))
    held, place = 0, 0
    while True:
        code, yes, no, value = lines[place]
        place += 1
        if code == 0x20:
            held = struct.unpack_from("<I", data, value)[0]
        elif code == 0x54:
            held &= value
        elif code == 0x05:
            place += value
        elif code == 0x06:
            return int(value)
        else:
            passed = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[code]
            place += yes if passed else no


@pytest.fixture(params=sorted(ARCHITECTURES))
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def answer(machine: str, name: str | int, *arguments: int) -> str:
    architecture = ARCHITECTURES[machine]
    filter_ = program(machine)
    assert filter_ is not None
    rows = {**REFUSED, **UNKNOWN, **JUDGED}
    number = rows[name][architecture.column] if isinstance(name, str) else name
    assert number is not None
    got = run(filter_, number, *arguments, audit=architecture.audit)
    return {ALLOW: "allow", KILL: "kill", 0x50000: "ignored"}.get(got) or errno.errorcode[got & 0xFFFF]


def test_every_call_of_the_tables_is_answered(machine: str) -> None:
    column = ARCHITECTURES[machine].column
    for table, wanted in ((REFUSED, "EPERM"), (UNKNOWN, "ENOSYS")):
        for name, row in table.items():
            if row[column] is not None:
                assert answer(machine, name) == wanted, name


def test_all_other_calls_pass(machine: str) -> None:
    column = ARCHITECTURES[machine].column
    named = {row[column] for table in (REFUSED, UNKNOWN, JUDGED) for row in table.values()}
    others = set(range(600)) - named
    assert len(others) > 530
    assert {answer(machine, number) for number in others} == {"allow"}


@pytest.mark.parametrize(
    ("name", "arguments", "wanted"),
    [
        ("clone", (17,), "allow"),
        ("clone", (0x003D0F00,), "allow"),  # a thread of glibc's
        ("clone", (0x80,), "allow"),  # a signal's number there, not CLONE_NEWTIME
        ("clone", (0x10000000 | 17,), "EPERM"),
        ("clone", (0x00020000,), "EPERM"),
        ("clone", (0x40000000,), "EPERM"),
        ("clone", (0xFFFF_FFFF_1000_0000,), "EPERM"),
        ("unshare", (0x200,), "allow"),  # CLONE_FS: a folder of its own for a thread
        ("unshare", (0x80,), "EPERM"),
        ("unshare", (0x10000000,), "EPERM"),
        ("ioctl", (0, 0x5401), "allow"),
        ("ioctl", (0, 0x5412), "EPERM"),
        ("ioctl", (0, 0x1_0000_5412), "EPERM"),  # the kernel drops the high half
        ("ioctl", (0, 0x541C), "EPERM"),
        ("socket", (1, 1, 0), "allow"),
        ("socket", (2, 1 | 0x80000, 6), "allow"),
        ("socket", (10, 2 | 0x800, 0), "allow"),
        ("socket", (2, 3, 1), "EPERM"),
        ("socket", (2, 3 | 0x80000, 255), "EPERM"),
        ("socket", (10, 3, 58), "EPERM"),
        ("socket", (16, 3, 0), "allow"),
        ("socket", (16, 3, 9), "EPROTONOSUPPORT"),  # audit
        ("socket", (16, 3, 12), "EPROTONOSUPPORT"),  # netfilter
        ("socket", (17, 3, 0x300), "EAFNOSUPPORT"),  # packets
        ("socket", (38, 5, 0), "EAFNOSUPPORT"),  # the kernel's ciphers
        ("socket", (40, 1, 0), "EAFNOSUPPORT"),  # the host of a virtual machine
        ("setrlimit", (4, 1 << 20), "ignored"),  # RLIMIT_CORE
        ("setrlimit", (7, 1 << 20), "allow"),
        ("prlimit64", (0, 4, 0, 1 << 40), "allow"),  # it only asks
        ("prlimit64", (0, 4, 1 << 20, 0), "ignored"),
        ("prlimit64", (0, 4, 1 << 40, 0), "ignored"),
        ("prlimit64", (0, 7, 1 << 40, 0), "allow"),
        ("socketpair", (1, 5, 0), "allow"),
        ("socketpair", (30, 1, 0), "EAFNOSUPPORT"),
    ],
)
def test_calls_are_judged_by_their_arguments(machine: str, name: str, arguments: tuple[int, ...], wanted: str) -> None:
    assert answer(machine, name, *arguments) == wanted


def test_another_architecture_is_killed(machine: str) -> None:
    filter_ = program(machine)
    assert filter_ is not None
    for audit in {0x40000003, 0x40000028, *(each.audit for each in ARCHITECTURES.values())}:
        got = run(filter_, 0, audit=audit)
        assert got == (ALLOW if audit == ARCHITECTURES[machine].audit else KILL)


def test_x32_is_unknown() -> None:
    assert answer("x86_64", 0x40000000 + 165) == "ENOSYS"
    assert answer("x86_64", 0xFFFFFFFF) == "ENOSYS"  # what a debugger writes to skip a call


def test_an_unknown_architecture_has_no_filter() -> None:
    assert program("vax") is None
    assert program() == program(os.uname().machine)


def test_a_jump_that_cannot_be_is_refused() -> None:
    far = Assembler()
    far.test(0x15, 1, yes="end")
    for _ in range(256):
        far.load(0)
    far.label("end")
    far.answer(ALLOW)
    with pytest.raises(ValueError, match="too far"):
        far.assemble()
    back = Assembler()
    back.label("start")
    back.load(0)
    back.go("start")
    with pytest.raises(ValueError, match="instruction 1"):
        back.assemble()
