"""Workflows in real files, through the reader: whatever a folder holds, an answer comes soon."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.compiler.compile import check
from runner.compiler.diagnostic import Diagnostic
from runner.compiler.surroundings import Surroundings
from runner.project.reader import reader

HEAD = "spec: 1\nname: demo\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "runner.toml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(path: str) -> list[Diagnostic]:
    return check(Path(path).read_bytes(), path, Surroundings(read=reader(path)))


def test_a_good_project_of_two_files_is_silent(project: Path) -> None:
    (project / "a.yaml").write_text(HEAD + "steps: {s: {workflow: b.yaml, with: {n: 1}}}")
    (project / "b.yaml").write_text(HEAD + "inputs: {n: {type: integer}}\nsteps: {s: {run: 'x ${{ inputs.n }}'}}")
    assert found("a.yaml") == []
    assert found("./a.yaml") == []
    assert found(str(project / "a.yaml")) == []


def test_a_folder_that_is_a_link_to_itself_ends(project: Path) -> None:
    (project / "again").symlink_to(".")
    (project / "a.yaml").write_text(HEAD + "steps: {s: {workflow: again/a.yaml}}")
    (one,) = found("a.yaml")
    assert one.code == "workflow-circle"


def test_a_link_to_itself_is_told(project: Path) -> None:
    (project / "a.yaml").write_text(HEAD + "steps: {s: {workflow: b.yaml}}")
    (project / "b.yaml").symlink_to("b.yaml")
    (one,) = found("a.yaml")
    assert one.code == "workflow-file"


@pytest.mark.parametrize("kind", ["pipe", "large", "binary", "bomb", "deep", "empty"])
def test_whatever_a_child_is_an_answer_comes(project: Path, kind: str) -> None:
    child = project / "b.yaml"
    if kind == "pipe":
        os.mkfifo(child)
    elif kind == "large":
        with child.open("wb") as file:
            file.truncate(1 << 33)
    else:
        bomb = "a: &a [1, 1]\n" + "".join(f"b{n}: &b{n} [*{'a' if not n else f'b{n - 1}'}, *a]\n" for n in range(50))
        texts = {"binary": "spec: 1\0", "bomb": bomb * 30, "deep": "[" * 100_000, "empty": ""}
        child.write_text(texts[kind])
    (project / "a.yaml").write_text(HEAD + "steps: {s: {workflow: b.yaml}}")
    (one,) = found("a.yaml")
    assert one.code == ("workflow-file" if kind == "pipe" else "workflow-errors")
