"""Every command under misuse: a sentence and its exit code, never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SPEC = "spec: 1\nname: x\nsteps: {a: {run: echo hi}}\n"
ENTRY = [sys.executable, "-m", "runner"]
pytestmark = pytest.mark.acceptance


def runner(folder: Path, *words: str | bytes, redirect: str = "") -> subprocess.CompletedProcess[str]:
    """`runner WORDS` in `folder`, with a bare environment."""
    command = ["/bin/sh", "-c", f'"$@" {redirect}', "-", *ENTRY, *words]
    done = subprocess.run(
        command, cwd=folder, env={}, capture_output=True, text=True, timeout=50, stdin=subprocess.DEVNULL
    )
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "spec.yaml").write_text(SPEC)
    (tmp_path / "file").write_text("no folder")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("--nope", 2, "No such option"),
        ("nope", 2, "No such command"),
        ("validate no.yaml", 2, "there is no file or folder no.yaml"),
        ("plan no.yaml", 2, "no.yaml cannot be read: no such file or directory"),
        ("plan .", 2, ". cannot be read: is a directory"),
        ("run .", 2, ". cannot be read: is a directory"),
        ("plan spec.yaml -i bad", 2, "`bad` is not `name=value`"),
        ("run spec.yaml -i no=1", 2, "there is no input `no`"),
        ("run spec.yaml --engine no", 2, "'no' is not one of"),
        ("run spec.yaml --engine local --state file", 4, "hint: "),
        ("run spec.yaml --engine prefect", 4, "runner up"),
        ("up --state file", 4, "file/prefect: not a directory"),
        ("status no", 2, "no runs in .runner"),
        ("logs no", 2, "no runs in .runner"),
        ("audit verify no", 2, "no runs in .runner"),
        ("audit no", 2, "No such command"),
        ("endpoint e2b --port 99999", 2, "99999"),
        ("schema --name no", 2, "'no' is not one of"),
    ],
)
def test_misuse(folder: Path, words: str, code: int, said: str) -> None:
    done = runner(folder, *words.split())
    assert said in done.stderr
    assert done.returncode == code


@pytest.mark.parametrize("command", ["plan", "run", "validate"])
def test_an_empty_path_is_no_folder(folder: Path, command: str) -> None:
    done = runner(folder, command, "")
    assert done.returncode == 2
    assert "is empty" in done.stderr


@pytest.mark.parametrize("command", ["plan", "run", "validate"])
def test_a_closed_standard_input_is_an_empty_spec(folder: Path, command: str) -> None:
    done = runner(folder, command, "-", redirect="<&-")
    assert done.returncode == 1
    assert "<stdin>:1:1: error[empty-file]" in done.stdout + done.stderr


def test_a_name_that_is_not_unicode_is_refused_before_anything_runs(folder: Path) -> None:
    (folder / "spec.yaml").rename(folder / "sp\udcffec.yaml")
    done = runner(folder, "run", b"sp\xffec.yaml")
    assert done.returncode == 2
    assert "is not Unicode text" in done.stderr
    assert not (folder / ".runner").exists()


@pytest.mark.parametrize("words", ["validate spec.yaml", "plan spec.yaml", "status", "schema", "--help"])
def test_a_full_disk_behind_the_output_is_told(folder: Path, words: str) -> None:
    done = runner(folder, *words.split(), redirect=">/dev/full")
    assert done.returncode == 4
    assert "no space left on device" in done.stderr


def test_commands_that_look_leave_an_empty_folder_alone(folder: Path) -> None:
    before = sorted(folder.iterdir())
    for words in ("status", "status --json", "audit verify", "down"):
        assert runner(folder, *words.split()).returncode == 0, words
    assert sorted(folder.iterdir()) == before
