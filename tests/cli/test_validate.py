from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from runner.cli.main import app
from runner.errors import UsageError

GOOD = "spec: 1\nname: demo\nsteps:\n  hello: {run: echo hello}\n"
BAD = GOOD.replace("run:", "rnu:")
WARNS = GOOD.replace("{run", "&x {run")
SCHEMAS = Path(__file__).parents[2] / "schemas"


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_good_spec_ends_with_zero(folder: Path) -> None:
    write(folder / "a.yaml", GOOD)
    result = run("validate", "a.yaml")
    assert (result.exit_code, result.output) == (0, "1 file checked: no problems\n")


def test_a_bad_spec_ends_with_one_and_shows_the_place(folder: Path) -> None:
    write(folder / "a.yaml", BAD)
    result = run("validate", "a.yaml")
    assert result.exit_code == 1
    assert "a.yaml:4:11: error[unknown-key]: the step `hello` has no key `rnu`" in result.output
    assert "hint: did you mean `run`?" in result.output
    assert result.output.endswith("1 file checked: 1 error\n")
    assert "\x1b" not in result.output


def test_a_warning_ends_with_one_only_if_strict(folder: Path) -> None:
    write(folder / "a.yaml", WARNS)
    assert run("validate", "a.yaml").exit_code == 0
    assert run("validate", "--strict", "a.yaml").exit_code == 1


@pytest.mark.parametrize("option", [["--json"], ["--format", "json"]])
def test_json_is_one_array_for_all_files(folder: Path, option: list[str]) -> None:
    write(folder / "b.yaml", BAD)
    write(folder / "a.yaml", BAD)
    result = run("validate", *option, "b.yaml", "a.yaml")
    found = json.loads(result.output)
    jsonschema.validate(found, json.loads((SCHEMAS / "diagnostics.v1.schema.json").read_text()))
    assert result.exit_code == 1
    assert [entry["path"] for entry in found] == ["b.yaml", "a.yaml"]


def test_json_of_a_good_spec_is_an_empty_array(folder: Path) -> None:
    write(folder / "a.yaml", GOOD)
    assert json.loads(run("validate", "--json", "a.yaml").output) == []


def test_a_dash_reads_standard_input() -> None:
    result = run("validate", "-", stdin=BAD.encode())
    assert result.exit_code == 1
    assert "<stdin>:4:11: error[unknown-key]" in result.output
    assert run("validate", "-", stdin=GOOD.encode()).exit_code == 0


def test_a_folder_is_searched_for_specs_in_order(folder: Path) -> None:
    for name in ("z.yaml", "deep/b.yml", "deep/a.yaml", ".hidden/x.yaml", "node_modules/x.yaml", ".x.yaml"):
        write(folder / "specs" / name, BAD)
    write(folder / "specs" / "compose.yaml", "services: {}\n")
    write(folder / "specs" / "nested.yaml", "jobs:\n  spec: 1\n")
    write(folder / "specs" / "notes.txt", BAD)
    found = json.loads(run("validate", "--json", "specs").output)
    assert [entry["path"] for entry in found] == ["specs/z.yaml", "specs/deep/a.yaml", "specs/deep/b.yml"]


def test_a_named_file_counts_as_a_spec_in_any_case(folder: Path) -> None:
    write(folder / "notes.txt", "services: {}\n")
    result = run("validate", "notes.txt")
    assert result.exit_code == 1
    assert "unknown-key" in result.output


def test_a_file_named_twice_is_checked_once(folder: Path) -> None:
    write(folder / "a.yaml", GOOD)
    assert "1 file checked" in run("validate", "a.yaml", "a.yaml").output


def test_without_paths_the_folder_specs_is_meant(folder: Path) -> None:
    write(folder / "a.yaml", BAD)
    assert "a.yaml:4:11" in run("validate").output
    write(folder / "specs" / "b.yaml", GOOD)
    assert run("validate").exit_code == 0


@pytest.mark.parametrize("arguments", [["missing.yaml"], ["empty"], []])
def test_paths_that_lead_to_no_spec_are_bad_usage(folder: Path, arguments: list[str]) -> None:
    (folder / "empty").mkdir()
    result = run("validate", *arguments)
    assert isinstance(result.exception, UsageError)
    assert result.exception.exit_code == 2
    assert result.exception.hint


def test_an_unknown_format_is_bad_usage(folder: Path) -> None:
    write(folder / "a.yaml", GOOD)
    assert run("validate", "--format", "xml", "a.yaml").exit_code == 2


def test_a_file_that_cannot_be_read_is_a_finding(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "a.yaml", GOOD)

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    for arguments in (["a.yaml"], ["."]):
        result = run("validate", *arguments)
        assert result.exit_code == 1
        assert "a.yaml:1:1: error[unreadable-file]: the file cannot be read: permission denied" in result.output


def test_a_broken_link_is_bad_usage(folder: Path) -> None:
    (folder / "a.yaml").symlink_to("nowhere")
    assert isinstance(run("validate", "a.yaml").exception, UsageError)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("variable", "coloured"), [("", True), ("1", False)])
def test_colour_only_on_a_terminal_that_wants_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str, coloured: bool
) -> None:
    from runner.cli.validate import print_report
    from runner.compiler.compile import check
    from runner.compiler.renderers import Report

    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("NO_COLOR", variable)
    print_report(Report(tuple(check(BAD.encode(), "a.yaml")), {"a.yaml": BAD}), "text")
    assert ("\x1b[31m" in screen.getvalue()) is coloured


@pytest.mark.parametrize("name", ["workflow", "plan", "event", "diagnostics"])
def test_schema_prints_a_json_schema(name: str) -> None:
    result = run("schema", "--name", name)
    assert result.exit_code == 0
    assert json.loads(result.output) == json.loads((SCHEMAS / f"{name}.v1.schema.json").read_text())


def test_schema_of_the_workflow_is_the_default() -> None:
    assert run("schema").output == run("schema", "--name", "workflow").output


def test_schema_of_something_unknown_is_bad_usage() -> None:
    assert run("schema", "--name", "cheese").exit_code == 2


def test_a_folder_that_cannot_be_searched_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)

    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", refuse)
    result = run("validate", str(tmp_path))
    assert isinstance(result.exception, PermissionError)  # `main` tells it, with exit code 4
    assert result.output == ""
