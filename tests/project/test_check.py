"""Specs are checked with what their project says, by as many processes as help, and not twice."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from runner.compiler import compile as compiler
from runner.compiler.compile import check
from runner.compiler.diagnostic import Diagnostic
from runner.compiler.surroundings import Settings, ShellNote, Surroundings, Unreadable
from runner.project import check as module
from runner.project.check import Checker
from runner.project.files import STDIN
from runner.project.settings import Projects

GOOD = "spec: 1\nname: demo\nsteps: {a: {run: echo}}\n"
BAD = "spec: 1\nname: demo\nsteps: {a: {run: echo, after: [b%d]}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "checker_digest", lambda program: f"this one, with {program}")
    return tmp_path


def specs(count: int) -> dict[str, bytes]:
    return {f"{number}.yaml": (BAD % number if number % 7 == 0 else GOOD).encode() for number in range(count)}


def checker(folder: Path, *, cache: bool = True, shellcheck: bool | None = None) -> Checker:
    environment = {"XDG_CACHE_HOME": str(folder / "cache")} if cache else None
    return Checker(Projects(), shellcheck=shellcheck, environment=environment)


class Seen:
    """Stands for the compiler: counts what it is asked, and reads the file `other` of each spec."""

    def __init__(self, other: str = "") -> None:
        self.paths: list[str] = []
        self.around: list[Surroundings] = []
        self.other = other

    def __call__(self, data: bytes, path: str, around: Surroundings) -> list[Diagnostic]:
        self.paths.append(path)
        self.around.append(around)
        if self.other and around.read:
            around.read(self.other)
        return check(data, path)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    seen = Seen()
    monkeypatch.setattr(compiler, "check", seen)
    return seen


@pytest.mark.parametrize("count", [0, 1, 120])
def test_the_findings_are_those_of_each_alone(count: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_processors", lambda: 2)
    expected = {path: check(data, path) for path, data in specs(count).items()}
    for _ in range(2):
        found = checker(folder).check(specs(count))
        assert found == expected
        assert list(found) == list(expected)


def by_process(folder: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> set[object]:
    monkeypatch.setattr(compiler, "check", lambda data, path, around: os.getpid())
    found: Mapping[str, object] = checker(folder, cache=False).check(specs(count))
    return set(found.values())


def test_many_are_checked_by_other_processes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_processors", lambda: 2)
    assert os.getpid() not in by_process(folder, 120, monkeypatch)
    assert by_process(folder, 20, monkeypatch) == {os.getpid()}


def test_one_processor_checks_them_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity")
    assert by_process(folder, 120, monkeypatch) == {os.getpid()}


def test_what_has_not_changed_is_not_checked_again(folder: Path, seen: Seen) -> None:
    texts = specs(10)
    first = checker(folder).check(texts)
    assert len(seen.paths) == 10
    assert checker(folder).check(texts) == first
    assert len(seen.paths) == 10
    texts["3.yaml"] = (BAD % 3).encode()
    assert checker(folder).check(texts)["3.yaml"]
    assert seen.paths[10:] == ["3.yaml"]


def test_other_settings_check_again(folder: Path, seen: Seen) -> None:
    checker(folder).check(specs(1))
    (folder / "runner.toml").write_text('[checks]\ninput-unused = "off"\n')
    checker(folder).check(specs(1))
    checker(folder).check(specs(1))
    assert len(seen.paths) == 2
    assert seen.around[1].settings == Settings({"input-unused": None})


def test_a_changed_file_that_a_spec_names_checks_it_again(folder: Path, seen: Seen) -> None:
    seen.other = "child.yaml"
    for text in (None, None, "one", "one", "two"):
        if text:
            (folder / "child.yaml").write_text(text)
        checker(folder).check(specs(1))
    assert len(seen.paths) == 3, "once while it is absent, once for each text"


def test_standard_input_reads_no_files_and_is_not_remembered(folder: Path, seen: Seen) -> None:
    seen.other = "child.yaml"
    for _ in range(2):
        checker(folder).check({STDIN: GOOD.encode()})
    assert len(seen.paths) == 2
    assert seen.around[0].read is None


def test_without_a_place_for_it_there_is_no_cache(folder: Path, seen: Seen) -> None:
    for _ in range(2):
        Checker(Projects(), environment={}).check(specs(1))
        checker(folder, cache=False).check(specs(1))
    assert len(seen.paths) == 4


def test_files_are_read_within_the_project(folder: Path) -> None:
    (folder / "a.yaml").write_text(GOOD)
    read = checker(folder).around("b.yaml").read
    assert read is not None
    assert read("a.yaml") == GOOD.encode()
    assert isinstance(read("absent.yaml"), Unreadable)


def test_shellcheck_by_setting_and_by_wish(folder: Path, seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = [ShellNote(code, "info", "", 1, 1, 1, 1) for code in ("SC2086", "SC2164")]
    monkeypatch.setattr("runner.project.shellcheck.check_shell", lambda texts: [list(notes) for _ in texts])
    assert checker(folder).around("a.yaml").shell is None
    assert checker(folder, shellcheck=True).around("a.yaml").shell is not None
    (folder / "runner.toml").write_text('[shellcheck]\nenabled = true\nexclude = ["SC2086"]\n')
    assert checker(folder, shellcheck=False).around("a.yaml").shell is None
    shell = checker(folder).around("a.yaml").shell
    assert shell is not None
    assert [note.code for note in shell([("echo", "sh")])[0]] == ["SC2164"]
    for _ in range(2):
        checker(folder).check(specs(1))
        checker(folder, shellcheck=False).check(specs(1))
    assert len(seen.paths) == 2, "with and without ShellCheck are remembered apart"
    (folder / "runner.toml").write_text("[shellcheck]\nenabled = true\n")
    checker(folder).check(specs(1))
    assert len(seen.paths) == 3


def test_mending_knows_the_settings(folder: Path) -> None:
    data = b"spec: 1\nname: Demo\nsteps: {a: &x {rnu: echo}}\n"
    (folder / "runner.toml").write_text('[checks]\nunused-anchor = "off"\n')
    done = checker(folder).mend("a.yaml", data, unsafe=False)
    assert done.data == data.replace(b"rnu", b"run")
    assert [one.code for one in done.remaining] == ["bad-id"]
    assert checker(folder).mend("a.yaml", data, unsafe=True).remaining == []


def test_what_shellcheck_could_not_look_at_is_checked_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [[ShellNote("absent", "warning", "it did not end", 1, 1, 1, 1)], []]
    monkeypatch.setattr("runner.project.shellcheck.check_shell", lambda texts: [answers.pop(0)])
    one = {"a.yaml": GOOD.encode()}
    messages = [[each.message for each in checker(folder, shellcheck=True).check(one)["a.yaml"]] for _ in range(3)]
    assert messages == [["it did not end"], [], []], "the first answer is not remembered, the second is"
