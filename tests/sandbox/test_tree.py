"""The two searches for a command's processes: the script for boxes and the one in Python, on real processes."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from runner.sandbox import tree
from runner.sandbox.conformance.commands import FAMILY

Kill = Callable[[str, int, str], bool]


def by_script(command_id: str, root: int, name: str) -> bool:
    done = subprocess.run(["/bin/bash", "-c", tree.script(command_id, root, name)], capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert done.stderr == b""
    return done.returncode == 0


def by_python(command_id: str, root: int, name: str) -> bool:
    return tree.kill([f"{tree.MARK}={command_id}"], [root], signal.Signals[name])


class Family:
    """A running command with all kinds of children; `pids` are theirs and its own."""

    def __init__(self, folder: Path) -> None:
        self.id = uuid.uuid4().hex
        self.shell = subprocess.Popen(
            ["/bin/bash", "-c", FAMILY],
            cwd=folder,
            env={"PATH": os.environ["PATH"], tree.MARK: self.id},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for((folder / "ready").exists)
        self.pids = [int(word) for word in (folder / "pids").read_text().split()]

    def alive(self) -> list[int]:
        self.shell.poll()
        return [pid for pid in self.pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail("it never came true")


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    family = Family(tmp_path)
    yield family
    for pid in family.alive():
        os.kill(pid, signal.SIGKILL)
    family.shell.wait()


@pytest.mark.parametrize("kill", [by_script, by_python])
def test_the_whole_family_dies_and_nobody_else(kill: Kill, family: Family, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Family(tmp_path / "other")
    try:
        assert len(family.alive()) == 5
        assert kill(family.id, family.shell.pid, "SIGKILL") is True
        wait_for(lambda: not family.alive())
        assert len(other.alive()) == 5
        family.shell.wait()
        assert kill(family.id, 0, "SIGKILL") is False, "nobody was left"
    finally:
        by_python(other.id, other.shell.pid, "SIGKILL")
        other.shell.wait()


@pytest.mark.parametrize("kill", [by_script, by_python])
def test_sigterm_reaches_the_family_once(kill: Kill, family: Family) -> None:
    assert kill(family.id, family.shell.pid, "SIGTERM") is True
    wait_for(lambda: not family.alive())


@pytest.mark.parametrize("kill", [by_script, by_python])
def test_orphans_are_found_by_their_mark_when_the_shell_is_gone(kill: Kill, family: Family) -> None:
    family.shell.kill()
    family.shell.wait()
    assert len(family.alive()) == 4
    assert kill(family.id, 0, "SIGKILL") is True
    # The one with a bare environment has lost both its mark and its parent: only the session tells.
    assert len(family.alive()) <= 1


def test_a_name_with_brackets_and_blanks_is_read_right(tmp_path: Path) -> None:
    program = tmp_path / "a) S 1 (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "60"]) as process:
        found = {proc.pid: proc for proc in tree.processes()}[process.pid]
        process.kill()
    assert (found.parent, found.session) == (os.getpid(), os.getsid(0))


def test_a_root_that_would_mean_everybody_means_nobody() -> None:
    """Group and session 0 are all processes whose leaders cannot be seen: once, that was the whole machine."""
    assert tree.members([f"{tree.MARK}=of-nobody"], [-1, 0, 1]) == []
    assert "root=-1 " in tree.script("of-nobody", 0)
    assert "root=-1 " in tree.script("of-nobody", 1)


def test_a_number_that_passed_to_somebody_else_is_no_root(family: Family) -> None:
    assert tree.members([f"{tree.MARK}=of-another"], [family.shell.pid]) == []
    assert len(tree.members([f"{tree.MARK}={family.id}"], [family.shell.pid])) >= 5


def _badge(number: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_RTTIME, (number, resource.RLIM_INFINITY))


def test_the_script_finds_by_a_limit_of_the_commands_own_what_has_left_all_else() -> None:
    words = ["/bin/bash", "-c", "env -i setsid sh -c 'sleep 600 & echo $!' ; sleep 600"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, preexec_fn=_badge(10**12 + 7)) as shell:
        assert shell.stdout is not None
        hidden = psutil.Process(int(shell.stdout.readline()))
        assert hidden.environ() == {} or tree.MARK not in hidden.environ()
        assert by_script("of-nobody", shell.pid, "SIGKILL") is True
        wait_for(lambda: not hidden.is_running() or hidden.status() == "zombie")


def test_a_limit_that_the_searcher_has_too_tells_nothing() -> None:
    mine = _badge(10**12 + 8)
    with subprocess.Popen(["sleep", "600"], preexec_fn=mine) as stranger:
        with subprocess.Popen(["sleep", "600"], preexec_fn=mine, start_new_session=True) as root:
            script = tree.script("of-nobody", root.pid)
            done = subprocess.run(["/bin/bash", "-c", script], preexec_fn=mine, check=False)
            assert done.returncode == 0
            assert root.wait() == -signal.SIGKILL
        assert stranger.poll() is None
        stranger.kill()


def test_the_searcher_and_its_ancestors_are_never_members(tmp_path: Path) -> None:
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os; from runner.sandbox import tree; print(tree.members(['A_MARK=here'], [os.getppid()]))",
        ],
        env={"A_MARK": "here", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
        cwd=tree.__file__.partition("/runner/sandbox")[0],
    )
    assert found.stdout == "[]\n"
