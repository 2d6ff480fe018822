"""Control groups: finding them, choosing between them, what is written and read. On folders that look like them."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.embedded.e2b.limits import cgroups
from runner.embedded.e2b.limits.cgroups import Ceiling, Group, Groups, Usage
from runner.embedded.e2b.limits.hierarchies import Mounted, here, mounted, own_ceiling

MIB = 2**20


def test_the_hierarchies_of_a_hybrid_machine(tmp_path: Path) -> None:
    for name in ("memory/me", "cpu,cpuacct", "unified"):
        (tmp_path / name).mkdir(parents=True)
    info = "\n".join(
        [
            f"1 2 0:1 / {tmp_path}/memory rw - cgroup cgroup rw,memory",
            f"1 2 0:2 / {tmp_path}/cpu,cpuacct rw shared:1 - cgroup cgroup rw,cpu,cpuacct",
            f"1 2 0:3 / {tmp_path}/systemd rw - cgroup cgroup rw,xattr,name=systemd",
            f"1 2 0:4 / {tmp_path}/unified rw - cgroup2 cgroup2 rw",
            "1 2 0:5 / / rw - ext4 /dev/root rw",
        ]
    )
    own = "3:memory:/me\n2:cpu,cpuacct:/gone\n1:name=systemd:/\n0::/\n"
    assert mounted(info, own) == [
        Mounted(1, frozenset({"memory"}), tmp_path / "memory", tmp_path / "memory/me"),
        Mounted(1, frozenset({"cpu", "cpuacct"}), tmp_path / "cpu,cpuacct", tmp_path / "cpu,cpuacct"),
        Mounted(2, frozenset(), tmp_path / "unified", tmp_path / "unified"),
    ]


def test_a_container_sees_a_part_of_the_tree(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    info = f"1 2 0:4 /docker/abc {tmp_path} rw - cgroup2 cgroup2 rw"
    assert mounted(info, "0::/docker/abc/sub\n")[0].own == tmp_path / "sub"
    assert mounted(info, "0::/\n")[0].own == tmp_path


@pytest.mark.parametrize(
    ("version", "files", "wanted"),
    [
        (2, {"memory.max": "max", "cpu.max": "max 100000"}, (None, None)),
        (2, {"memory.max": "1000", "cpu.max": "150000 100000"}, (1.5, 1000)),
        (2, {"me/memory.max": "2000", "memory.max": "1000"}, (None, 1000)),
        (1, {"memory.limit_in_bytes": "500", "cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}, (None, 500)),
        (1, {"me/cpu.cfs_quota_us": "50000", "me/cpu.cfs_period_us": "100000"}, (0.5, None)),
    ],
)
def test_what_we_may_use_ourselves(
    tmp_path: Path, version: int, files: dict[str, str], wanted: tuple[float | None, int | None]
) -> None:
    (tmp_path / "me").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert own_ceiling([Mounted(version, frozenset(), tmp_path, tmp_path / "me")]) == wanted


def test_the_limits_of_version_2(tmp_path: Path) -> None:
    group = Group(2, dict.fromkeys(("memory", "cpu", "pids", "freezer"), tmp_path / "box"))
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "memory.swap.max").touch()
    (tmp_path / "box").rename(tmp_path / "made")
    with pytest.MonkeyPatch.context() as patch:  # the kernel fills a new group with its files
        patch.setattr(Path, "mkdir", lambda self, **_: (tmp_path / "made").rename(self))
        group.make(Ceiling(1.5, 64 * MIB, 100))
    texts = {each.name: each.read_text() for each in (tmp_path / "box").iterdir()}
    assert texts == {
        "memory.max": str(64 * MIB), "memory.swap.max": "0", "cpu.max": "150000 100000", "pids.max": "100",
    }  # fmt: skip
    group.enter(7)
    assert (tmp_path / "box" / "cgroup.procs").read_text() == "7"


def test_the_limits_of_version_1_where_swap_is_not_counted(tmp_path: Path) -> None:
    group = Group(1, {"memory": tmp_path / "m", "cpu": tmp_path / "c", "pids": tmp_path / "p"})
    group.make(Ceiling(0.001, MIB, 100))
    assert [each.name for each in (tmp_path / "m").iterdir()] == ["memory.limit_in_bytes"]
    assert (tmp_path / "c" / "cpu.cfs_quota_us").read_text() == "1000", "the kernel takes no less"
    assert (tmp_path / "p" / "pids.max").read_text() == "100"
    assert group.controllers == {"memory", "cpu", "pids"}
    group.enter()
    assert (tmp_path / "m" / "tasks").read_text() == "0"


def test_freezing_waits_until_it_is_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cgroup.events").write_text("populated 1\nfrozen 1\n")
    group = Group(2, {"freezer": tmp_path})
    group.freeze(True)
    assert (tmp_path / "cgroup.freeze").read_text() == "1"
    monkeypatch.setattr(cgroups, "_PATIENCE", 0.02)
    with pytest.raises(TimeoutError, match="did not become 'frozen 0'"):
        group.freeze(False)
    old = Group(1, {"freezer": tmp_path})
    old.freeze(True)
    assert (tmp_path / "freezer.state").read_text() == "FROZEN"


def test_what_cannot_be_frozen_is_let_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cgroup.events").write_text("populated 1\nfrozen 0\n")
    monkeypatch.setattr(cgroups, "_PATIENCE", 0.02)
    with pytest.raises(TimeoutError, match="did not become 'frozen 1'"):
        Group(2, {"freezer": tmp_path}).freeze(True)
    assert (tmp_path / "cgroup.freeze").read_text() == "0", "it is not left half frozen"


def test_nobody_waits_for_what_somebody_else_has_let_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cgroup.events").write_text("populated 1\nfrozen 0\n")
    group = Group(2, {"freezer": tmp_path})
    monkeypatch.setattr(cgroups, "_PATIENCE", 30.0)
    monkeypatch.setattr(cgroups.time, "sleep", lambda _: (tmp_path / "cgroup.freeze").write_text("0"))
    with pytest.raises(InterruptedError, match="meanwhile"):
        group.freeze(True)


def test_usage_leaves_out_what_can_be_dropped(tmp_path: Path) -> None:
    (tmp_path / "cpuacct.usage").write_text("1500000000\n")
    (tmp_path / "memory.usage_in_bytes").write_text(f"{10 * MIB}\n")
    (tmp_path / "memory.stat").write_text(f"total_inactive_file {4 * MIB}\ninactive_file {3 * MIB}\n")
    assert Group(1, {"cpuacct": tmp_path, "memory": tmp_path}).usage() == Usage(1.5, 6 * MIB, 4 * MIB)
    (tmp_path / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\n")
    (tmp_path / "memory.current").write_text(f"{10 * MIB}\n")
    new = Group(2, {"cpu": tmp_path, "memory": tmp_path})
    assert new.usage() == Usage(2.5, 7 * MIB, 3 * MIB)
    assert Group(1, {"pids": tmp_path}).usage() is None
    (tmp_path / "memory.stat").write_text("")
    assert new.usage() is None


def test_version_2_is_taken_only_where_it_can_be_used(tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    for folder in (new, old):
        folder.mkdir()
    (new / "cgroup.subtree_control").mkdir()  # it takes nothing, as where processes are in the group itself
    groups = Groups(
        [
            Mounted(2, frozenset(), new, new),
            Mounted(1, frozenset({"memory"}), old, old),
            Mounted(1, frozenset({"pids"}), old, old),
        ]
    )
    assert [each.name for each in new.iterdir()] == ["cgroup.subtree_control"]
    assert groups.version == 0, "the old folders hold no groups: nobody can be moved there"
    assert list(old.iterdir()) == []


def test_nothing_can_be_had() -> None:
    groups = Groups([])
    assert (groups.version, groups.parents) == (0, {})
    groups.close()


def test_the_groups_of_dead_edges_are_removed(tmp_path: Path) -> None:
    space = Path("/proc/self/ns/pid").stat().st_ino
    alive = cgroups._name(os.getppid())
    dead = f"runner-e2b-{space}-{os.getpid()}-1"
    foreign = f"runner-e2b-{space + 1}-{os.getpid()}-1"
    for name in (alive, f"{dead}/box", foreign, "runner-e2b-other", "system.slice"):
        (tmp_path / name).mkdir(parents=True)
    Groups([Mounted(1, frozenset({"pids"}), tmp_path, tmp_path)])
    assert {each.name for each in tmp_path.iterdir()} == {alive, foreign, "runner-e2b-other", "system.slice"}


@pytest.mark.parametrize(("version", "file"), [(1, "memory.oom_control"), (2, "memory.events")])
def test_who_ran_out_of_memory(tmp_path: Path, version: int, file: str) -> None:
    group = Group(version, {"memory": tmp_path})
    assert group.memory_kills() == 0
    (tmp_path / file).write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 0\n")
    assert group.memory_kills() == 0
    (tmp_path / file).write_text("oom 3\noom_kill 2\n")
    assert group.memory_kills() == 2


def test_on_this_machine_a_group_holds_what_is_in_it(missing: Callable[[str], None]) -> None:
    """Real groups, of whichever version there is; freezing of version 2 needs no controller."""
    hierarchies = here()
    if os.getuid() != 0 or not hierarchies:
        missing("only root of a machine with control groups can make them")
    groups = Groups(hierarchies)
    made = [groups.group("box")] if groups.version else []
    name = f"runner-test-{os.getpid()}"
    made += [Group(2, {"freezer": each.top / name}) for each in hierarchies if each.version == 2]
    for group in made:
        group.make(Ceiling(1.0, 64 * MIB, 16))
        process = subprocess.Popen(["sh", "-c", "while :; do :; done"], preexec_fn=group.enter)
        try:
            assert process.pid in group.processes()
            group.freeze(True)
            before = _ticks(process.pid)
            time.sleep(0.1)
            assert _ticks(process.pid) == before
            group.freeze(False)
            assert group.remove()
            assert process.wait() == -9
        finally:
            process.kill()
    groups.close()
    assert not [place for place in groups.parents.values() if place.exists()]


def _ticks(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])
