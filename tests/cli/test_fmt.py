"""`runner fmt` on files, on standard input, and what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from runner.cli.main import app
from runner.errors import UsageError

ROUGH = "name:   demo # it\nspec: 1\nsteps:\n    hello: { run: 'echo hello' }\n"
FINE = 'spec: 1\nname: demo # it\nsteps:\n  hello: {run: "echo hello"}\n'


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(app, ["fmt", *arguments], input=stdin)


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.yaml"
    path.write_text(ROUGH)
    return path


def test_a_file_is_formatted_and_keeps_its_rights(spec: Path) -> None:
    spec.chmod(0o640)
    result = run()
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "formatted: a.yaml\n1 file formatted, 0 in order already\n"
    assert spec.read_text() == FINE
    assert spec.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in spec.parent.iterdir()] == ["a.yaml"]
    assert run("a.yaml").stderr == "0 files formatted, 1 in order already\n"


def test_a_link_stays_a_link(spec: Path) -> None:
    link = spec.parent / "folder" / "b.yaml"
    link.parent.mkdir()
    link.symlink_to(spec)
    assert run(str(link)).exit_code == 0
    assert link.is_symlink()
    assert spec.read_text() == FINE


def test_check_writes_nothing_and_ends_with_one(spec: Path) -> None:
    result = run("--check")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "would change: a.yaml" in result.stderr
    assert spec.read_text() == ROUGH
    spec.write_text(FINE)
    assert run("--check").exit_code == 0


def test_diff_prints_what_would_change(spec: Path) -> None:
    spec.write_text(ROUGH.rstrip("\n"))
    result = run("--diff")
    assert result.exit_code == 0
    assert "--- a.yaml\n+++ a.yaml (formatted)\n" in result.stdout
    assert "-    hello: { run: 'echo hello' }\n\\ no newline at the end of the file\n" in result.stdout
    assert '+  hello: {run: "echo hello"}\n' in result.stdout
    assert spec.read_text() == ROUGH.rstrip("\n")


def test_only_line_feeds_end_the_lines_of_a_difference(spec: Path) -> None:
    spec.write_bytes(b"spec:   1\rname: a\r")
    found = run("--diff").stdout  # where the reader makes a line feed of the carriage return before it
    assert found.count("\\ no newline at the end of the file\n") == 2
    assert "-spec:   1\rname: a\n" in found
    assert "+spec: 1\rname: a\n" in found


def test_standard_input_goes_to_standard_output() -> None:
    result = run("-", stdin=ROUGH.encode())
    assert (result.exit_code, result.stdout) == (0, FINE)


def test_what_is_no_yaml_is_left_alone(spec: Path) -> None:
    spec.write_text("spec: [1\n")
    result = run("a.yaml")
    assert result.exit_code == 1
    assert "a.yaml:1:7: error[yaml-syntax]" in result.stdout
    assert spec.read_text() == "spec: [1\n"
    assert run("-", stdin=b"spec: [1\n").exit_code == 1


def test_mistakes_of_another_kind_do_not_matter(spec: Path) -> None:
    spec.write_text("spec:  7\n")
    assert run("a.yaml").exit_code == 0
    assert spec.read_text() == "spec: 7\n"


def test_json_names_the_files(spec: Path) -> None:
    (spec.parent / "b.yaml").write_text("spec: [\n")
    result = run("--json", "--check")
    assert json.loads(result.stdout) == {"changed": ["a.yaml"], "errors": ["b.yaml"], "files": 2}
    assert result.stderr == ""


def test_a_file_that_may_not_be_written_stays_as_it_is(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: Path, _target: Path) -> None:
        raise PermissionError(13, "Permission denied", str(spec))

    monkeypatch.setattr(Path, "replace", refuse)
    assert isinstance(run("a.yaml").exception, PermissionError)
    assert spec.read_text() == ROUGH
    assert [path.name for path in spec.parent.iterdir()] == ["a.yaml"]


def test_a_path_that_is_not_there_is_bad_usage(spec: Path) -> None:
    assert isinstance(run("nowhere.yaml").exception, UsageError)
