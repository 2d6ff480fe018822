"""Who is looked at where the kernel limits neither memory nor disk, and what is done about it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from runner.embedded.e2b.limits import overuse
from runner.embedded.e2b.limits.limits import Allowance, Confinement
from runner.embedded.e2b.limits.overuse import Watch, relieve, resident
from runner.embedded.e2b.walls.disk import Disk

MIB = 2**20


@dataclass
class FakeDisk:
    bytes: int

    def used(self) -> int:
        return self.bytes


@dataclass
class FakeBox:
    pid: int | None
    disk: Disk | None
    confinement: Confinement
    volumes: tuple[Path, ...] = ()


def _box(pid: int | None, used: int) -> FakeBox:
    confinement = Confinement(Allowance(1, 64, 10), None, lambda: None, "rlimits")
    return FakeBox(pid, FakeDisk(used), confinement)  # type: ignore[arg-type]


@pytest.fixture
def tree() -> Iterator[subprocess.Popen[str]]:
    """A process (as bubblewrap) with a child (as the agent) that has a small child and a large one."""
    hold = "import sys, time; held = b'x' * (int(sys.argv[1]) << 20); print('ok', flush=True); time.sleep(60)"
    agent = (
        "import subprocess, sys; many = [subprocess.Popen([sys.executable, '-c', sys.argv[1], size])"
        " for size in ('1', '40')]; [each.wait() for each in many]"
    )
    outer = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"
    words = [sys.executable, "-c", outer, agent, hold]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["ok\n", "ok\n"]
    yield process
    os.killpg(process.pid, 9)
    process.wait()
    process.stdout.close()


def test_the_largest_is_killed_and_nobody_else(tree: subprocess.Popen[str]) -> None:
    assert relieve(tree.pid, 2**40) is None
    everyone = overuse.descendants(tree.pid)
    largest = max(everyone, key=resident)
    assert resident(largest) >= 40 * MIB
    assert relieve(tree.pid, 20 * MIB) == largest
    assert tree.poll() is None


def test_the_agent_is_never_killed(tree: subprocess.Popen[str]) -> None:
    agent = overuse.descendants(tree.pid)[0]
    killed = {relieve(tree.pid, 1), relieve(tree.pid, 1)}
    assert agent not in killed


def test_nobody_has_nothing(tmp_path: Path) -> None:
    assert resident(7, tmp_path) == 0
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "statm").write_text("100 30 10 0 0 0 0\n")
    assert resident(7, tmp_path) == 20 * os.sysconf("SC_PAGESIZE")


def test_files_are_counted_when_the_disk_of_the_host_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited: list[tuple[int, int]] = []
    monkeypatch.setattr(overuse, "limit_files", lambda pid, most: limited.append((pid, most)))
    free = [100 * MIB]
    monkeypatch.setattr(overuse.shutil, "disk_usage", lambda _: type("Usage", (), {"free": free[0]}))
    watch: Watch[FakeBox] = Watch(tmp_path, memory=False, disk=True)
    small, large, ended = _box(1, 5 * MIB), _box(2, 11 * MIB), _box(None, 99 * MIB)
    assert watch.look([small, large, ended]) == []
    assert limited == [(2, 0)], "who is over may not write"
    large.disk = FakeDisk(9 * MIB)  # type: ignore[assignment]
    assert watch.look([small, large]) == []
    assert limited == [(2, 0), (2, 10 * MIB)], "under again: it may"
    small.disk = FakeDisk(13 * MIB)  # type: ignore[assignment]
    assert watch.look([small]) == [], "the host's disk is as full as before: nobody looks"
    free[0] -= 20 * MIB
    assert watch.look([small]) == [small], "far over: it must end"


def test_boxes_whose_volume_is_full_may_write_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limited: list[tuple[int, int]] = []
    monkeypatch.setattr(overuse, "limit_files", lambda pid, most: limited.append((pid, most)))
    volume = tmp_path / "volume"
    volume.mkdir()
    watch: Watch[FakeBox] = Watch(tmp_path, memory=False, disk=False, quota=MIB)
    sharing, other = _box(1, 99 * MIB), _box(2, 99 * MIB)
    sharing.volumes = (volume,)
    (volume / "file").write_bytes(bytes(MIB + 1))
    assert watch.look([sharing, other]) == []
    assert limited == [(1, 0)], "only who has it is stopped"
    (volume / "more").write_bytes(bytes(MIB))
    assert watch.look([sharing, other]) == [sharing], "far over: it must end"
    (volume / "file").unlink()
    (volume / "more").unlink()
    limited.clear()
    assert watch.look([sharing, other]) == []
    assert limited == [(1, 10 * MIB)], "under again: it may"
