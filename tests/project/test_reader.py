from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.compiler.document import DEFAULT_LIMITS
from runner.compiler.surroundings import Unreadable
from runner.project.reader import project_root, reader


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project `p` with the folder `specs`, beside a file that is none of its business."""
    (tmp_path / "p" / "specs").mkdir(parents=True)
    (tmp_path / "p" / ".git").mkdir()
    (tmp_path / "outside.yaml").write_text("secret")
    (tmp_path / "p" / "child.yaml").write_text("spec: 1\n")
    monkeypatch.chdir(tmp_path / "p")
    return tmp_path / "p"


def reason(path: str) -> str:
    found = reader("specs/top.yaml")(path)
    assert isinstance(found, Unreadable)
    return found.reason


def test_a_file_of_the_project_is_read(project: Path) -> None:
    read = reader("specs/top.yaml")
    assert read("child.yaml") == b"spec: 1\n"
    assert read("specs/../child.yaml") == b"spec: 1\n"
    assert read(str(project / "child.yaml")) == b"spec: 1\n"


def test_what_lies_outside_is_not_read_by_any_way(project: Path) -> None:
    (project / "link.yaml").symlink_to("../outside.yaml")
    expected = "it is outside the project, whose folder is p"
    assert reason("../outside.yaml") == reason("link.yaml") == reason("/etc/hostname") == expected


def test_nothing_hangs_and_every_refusal_says_why(project: Path) -> None:
    os.mkfifo(project / "pipe.yaml")
    (project / "loop.yaml").symlink_to("loop.yaml")
    assert reason("pipe.yaml") == "it is no regular file"
    assert reason("specs") == "it is a folder"
    assert reason("none.yaml") == "no such file or directory"
    assert reason("loop.yaml") in ("too many levels of symbolic links", "that is no path")
    assert reason("a\0b") == "that is no path"


def test_a_file_that_is_too_large_is_not_read_whole(project: Path) -> None:
    with (project / "large.yaml").open("wb") as file:
        file.truncate(1 << 40)
    found = reader("specs/top.yaml")("large.yaml")
    assert isinstance(found, bytes)
    assert len(found) == DEFAULT_LIMITS.size + 1


def test_the_root_of_a_project(project: Path) -> None:
    assert project_root(Path("specs/top.yaml")) == project
    (project / "specs" / "runner.toml").touch()
    assert project_root(Path("specs/top.yaml")) == project / "specs"


def test_without_a_mark_it_is_the_working_folder_or_the_folder_of_the_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    assert project_root(Path("deep/a.yaml")) == tmp_path / "work"
    assert project_root(Path("../a.yaml")) == tmp_path
