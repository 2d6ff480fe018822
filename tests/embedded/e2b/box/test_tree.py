"""Which processes belong to a command."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import psutil

from runner.embedded.e2b.box.tree import Proc, members, parse_stat, processes, wearing, wears


def _proc(pid: int, parent: int, session: int, state: str = "S") -> Proc:
    return Proc(pid, parent, session, state, ticks=0, pages=0)


def test_a_stat_line_with_any_name() -> None:
    raw = b"42 (a) b (c) R 7 42 40 0 -1 4194304 1 2 3 4 10 20 30 40 20 0 1 0 99 1000 25 18446744073709551615\n"
    assert parse_stat(raw) == Proc(pid=42, parent=7, session=40, state="R", ticks=100, pages=25)


def test_session_descendants_and_carriers_belong() -> None:
    table = [
        _proc(1, 0, 1),
        _proc(10, 1, 10),
        _proc(11, 10, 10),
        _proc(12, 11, 12),  # left the session
        _proc(13, 12, 12),
        _proc(14, 1, 10),  # orphaned, still of the session
        _proc(15, 1, 15),  # orphaned and of its own session: only its badge tells
        _proc(16, 15, 15),
        _proc(20, 1, 20),
        _proc(21, 20, 20),
    ]
    assert members(10, table, carriers=[15]) == {10, 11, 12, 13, 14, 15, 16}
    assert members(20, table) == {20, 21}
    assert members(99, table) == set()


def test_the_dead_do_not_belong() -> None:
    assert members(10, [_proc(10, 1, 10, "Z"), _proc(11, 10, 10)]) == {11}
    assert members(10, [_proc(10, 1, 10, "Z")], carriers=[10]) == set()


def test_processes_that_end_while_we_look_are_passed_over(tmp_path: Path) -> None:
    for name in ("1", "2", "self", "3"):
        (tmp_path / name).mkdir()
    line = "(x) S 0 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 9 10 5\n"
    (tmp_path / "1" / "stat").write_text(f"1 {line}")
    (tmp_path / "3" / "stat").write_text("")
    assert [each.pid for each in processes(tmp_path)] == [1]


def test_a_badge_is_whole_and_no_limit_is_none(tmp_path: Path) -> None:
    for pid, soft in (("7", "1000000000012"), ("8", "unlimited")):
        (tmp_path / pid).mkdir()
        lines = (
            f"Max realtime priority     7                    0\nMax realtime timeout      {soft}    unlimited     us\n"
        )
        (tmp_path / pid / "limits").write_text(lines)
    assert wears(7, 1_000_000_000_012, tmp_path)
    assert not wears(7, 1_000_000_000_01, tmp_path)
    assert not wears(7, 7, tmp_path)
    assert not wears(8, 1_000_000_000_012, tmp_path)
    assert not wears(9, 1_000_000_000_012, tmp_path)


def test_a_badge_is_inherited_without_an_environment_and_taken_off_again() -> None:
    before = resource.getrlimit(resource.RLIMIT_RTTIME)
    with wearing(5) as badge:
        words = "import subprocess; subprocess.run(['sleep', '60'], env={}, start_new_session=True)"
        child = subprocess.Popen([sys.executable, "-c", words])
    try:
        assert resource.getrlimit(resource.RLIMIT_RTTIME) == before
        found: list[psutil.Process] = []
        while not found:
            found = psutil.Process(child.pid).children()
        assert wears(child.pid, badge)
        assert wears(found[0].pid, badge)
        assert not wears(os.getpid(), badge)
        found[0].kill()
    finally:
        child.kill()
        child.wait()
