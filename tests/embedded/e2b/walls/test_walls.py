"""The ladder of walls, with programs that stand for bubblewrap: nothing is mounted here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.embedded.e2b.walls import bubblewrap, uids, walls
from runner.embedded.e2b.walls.mounts import Stage
from runner.errors import SandboxMissing


@pytest.fixture
def raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], walls.Walls]:
    """Raise walls as an ordinary user would, with a script in the place of bubblewrap."""
    monkeypatch.setattr(uids, "uid_for", lambda number: None)
    monkeypatch.setattr(uids, "base_for", lambda number: None)
    monkeypatch.setattr(bubblewrap, "own_python", lambda stage: bubblewrap.Python(Path("/nowhere/bin/python3")))
    (tmp_path / "state").mkdir()

    def go(script: str) -> walls.Walls:
        program = tmp_path / "bwrap"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setattr(bubblewrap, "find", lambda: program)
        return walls.raise_walls(tmp_path / "state")

    return go


def test_the_first_rung_that_stands_is_taken(raised: Callable[[str], walls.Walls]) -> None:
    found = raised("true")
    assert (found.rung, found.overlay, found.nested, found.disks.rung) == ("one", True, True, "folder")
    assert found.why == ""
    assert {each.name for each in found.tools.iterdir()} >= {"python3", "sudo"}


def test_without_overlays_boxes_are_made_all_the_same(raised: Callable[[str], walls.Walls]) -> None:
    found = raised('case "$*" in *--overlay*) echo no overlays here >&2; exit 1;; esac')
    assert (found.overlay, found.nested) == (False, True)
    assert found.why == "no overlays here"


def test_where_namespaces_cannot_be_refused(raised: Callable[[str], walls.Walls]) -> None:
    found = raised('case "$*" in *--disable-userns*) exit 1;; esac')
    assert (found.overlay, found.nested) == (True, False)


def test_a_machine_without_boxes_says_why_and_what_to_do(raised: Callable[[str], walls.Walls]) -> None:
    with pytest.raises(SandboxMissing, match="does not let bubblewrap make a box: no namespaces for you") as caught:
        raised("echo no namespaces for you >&2; exit 1")
    assert "user.max_user_namespaces" in caught.value.hint


def test_an_interpreter_that_does_not_run_in_a_box(raised: Callable[[str], walls.Walls]) -> None:
    found = raised('case "$*" in */nowhere/bin/python3*) exit 77;; esac')
    assert found.python == bubblewrap.Python(Path("/usr/bin/python3"))


def test_no_interpreter_that_runs_in_a_box(raised: Callable[[str], walls.Walls]) -> None:
    with pytest.raises(SandboxMissing, match="does not run in a box: it is for another machine") as caught:
        raised("echo it is for another machine >&2; exit 77")
    assert caught.value.hint == "apt-get install python3"


def test_a_folder_is_shown_where_it_is_without_a_stage(tmp_path: Path) -> None:
    stage = Stage(None)
    assert stage.show(tmp_path, "name") == tmp_path
    assert stage.seen(tmp_path / "file") == tmp_path / "file"
    scene = stage.open("box")
    assert scene.show(tmp_path, None) == tmp_path
    scene.close()


def test_the_agent_is_compiled_once_for_all_boxes_and_does_not_tell_where_our_package_lies(
    raised: Callable[[str], walls.Walls], root: Path
) -> None:
    agent = raised("true").agent
    sources = [file for file in (agent / "box").rglob("*.py") if file.name != "__init__.py"]
    assert {"agent.py", "kernel.py"} <= {file.name for file in sources}
    for file in sources:
        file.write_text("raise SystemExit('read again')")
    words = [sys.executable, "-I", "-S", "-B", "-c", "import sys; sys.path.insert(0, sys.argv[1]); import box.agent"]
    done = subprocess.run([*words, str(agent)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert [file for file in agent.rglob("*") if file.is_file() and str(root).encode() in file.read_bytes()] == []
