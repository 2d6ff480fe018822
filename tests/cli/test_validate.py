from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from runner.cli.main import app
from runner.compiler.surroundings import ShellNote
from runner.errors import UsageError

GOOD = "spec: 1\nname: demo\nsteps:\n  hello: {run: echo hello}\n"
BAD = GOOD.replace("run:", "rnu:")
WARNS = GOOD.replace("{run", "&x {run")
UNUSED = GOOD + "inputs: {later: {type: string}}\n"
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

    really = os.open

    def refuse(path: Path, *rest: int) -> int:
        if Path(path).name == "a.yaml":
            raise PermissionError(13, "Permission denied")
        return really(path, *rest)

    monkeypatch.setattr("runner.project.files.os.open", refuse)
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


@pytest.mark.parametrize("name", ["workflow", "plan", "event", "diagnostics", "settings"])
def test_schema_prints_a_json_schema(name: str) -> None:
    result = run("schema", "--name", name)
    assert result.exit_code == 0
    assert json.loads(result.output) == json.loads((SCHEMAS / f"{name}.v1.schema.json").read_text())


def test_schema_of_the_workflow_is_the_default() -> None:
    assert run("schema").output == run("schema", "--name", "workflow").output


def test_schema_of_something_unknown_is_bad_usage() -> None:
    assert run("schema", "--name", "cheese").exit_code == 2


def test_a_folder_that_cannot_be_searched_is_a_finding(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "specs" / "good.yaml", GOOD)
    write(folder / "specs" / "locked" / "b.yaml", BAD)
    really = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return really(path)

    monkeypatch.setattr("runner.project.files.os.scandir", refuse)
    result = run("validate", "specs")
    assert result.exit_code == 1
    assert "specs/locked:1:1: error[unreadable-file]: the folder cannot be searched: permission denied" in result.output


# -- settings


def test_settings_of_the_project_count(folder: Path) -> None:
    write(folder / "specs" / "a.yaml", UNUSED)
    assert "input-unused" in run("validate").output
    write(folder / "runner.toml", '[checks]\ninput-unused = "off"\n')
    assert run("validate").output == "1 file checked: no problems\n"
    assert "input-unused" in run("validate", "--no-config").output
    write(folder / "other.toml", '[checks]\ninput-unused = "error"\n')
    result = run("validate", "--config", "other.toml")
    assert "error[input-unused]" in result.output
    assert result.exit_code == 1
    assert isinstance(run("validate", "--config", "absent.toml").exception, UsageError)


def test_mistakes_in_the_settings_are_findings_with_their_place(folder: Path) -> None:
    write(folder / "a.yaml", GOOD)
    write(folder / "runner.toml", '[checks]\ninput-unsed = "off"\n')
    result = run("validate", "a.yaml")
    assert result.exit_code == 1
    assert "runner.toml:2:1: error[settings-code]: there is no check `input-unsed`" in result.output
    assert '2 | input-unsed = "off"' in result.output
    assert json.loads(run("validate", "--json", "a.yaml").output)[0]["fix"]["replacement"] == "input-unused"


def test_strict_settings_are_as_the_option(folder: Path) -> None:
    write(folder / "a.yaml", WARNS)
    write(folder / "runner.toml", "[validate]\nstrict = true\n")
    assert run("validate", "a.yaml").exit_code == 1


# -- fixes

TYPO = "# kept\r\nspec: 1\r\nname: demo\r\nsteps:   {a: {rnu: echo}}  # kept too\r\n"


def test_fix_mends_the_file_and_tells_it(folder: Path) -> None:
    path = folder / "a.yaml"
    path.write_bytes(TYPO.encode())
    path.chmod(0o640)
    result = CliRunner().invoke(app, ["validate", "--fix", "a.yaml"])
    assert path.read_bytes().decode() == TYPO.replace("rnu", "run")
    assert path.stat().st_mode & 0o777 == 0o640
    assert result.exit_code == 0
    assert result.stdout == "1 file checked: no problems\n"
    assert result.stderr == "a.yaml:4:15: fixed[unknown-key]: rename it to `run`\n1 problem fixed in 1 file\n"
    assert [one.name for one in folder.iterdir()] == ["a.yaml"]


def test_unsafe_fixes_only_when_asked(folder: Path) -> None:
    text = GOOD.replace("name: demo", "name: Demo")
    write(folder / "a.yaml", text)
    result = run("validate", "--fix", "a.yaml")
    assert (result.exit_code, (folder / "a.yaml").read_text()) == (1, text)
    assert "0 problems fixed in 0 files\n1 more is a guess: --unsafe-fixes takes it\n" in result.output
    result = run("validate", "--unsafe-fixes", "a.yaml")
    assert (result.exit_code, "guess" in result.output) == (0, False)
    assert (folder / "a.yaml").read_text() == GOOD


def test_diff_shows_and_writes_nothing(folder: Path) -> None:
    write(folder / "a.yaml", BAD)
    write(folder / "b.yaml", GOOD.rstrip().replace("run", "rnu"))
    result = CliRunner().invoke(app, ["validate", "--diff", "a.yaml", "b.yaml"])
    assert result.exit_code == 1
    assert "-  hello: {rnu: echo hello}\n+  hello: {run: echo hello}\n" in result.stdout
    assert "no newline at the end of the file" in result.stdout
    assert "error[unknown-key]" in result.stderr
    assert "2 problems would be fixed in 2 files" in result.stderr
    assert (folder / "a.yaml").read_text() == BAD
    write(folder / "c.yaml", UNUSED)
    assert CliRunner().invoke(app, ["validate", "--diff", "c.yaml"]).stdout == ""


def test_standard_input_is_mended_to_standard_output() -> None:
    result = CliRunner().invoke(app, ["validate", "--fix", "-"], input=BAD.encode())
    assert result.stdout == GOOD
    assert "<stdin>:4:11: fixed[unknown-key]" in result.stderr
    assert "1 file checked: no problems" in result.stderr
    nothing = CliRunner().invoke(app, ["validate", "--fix", "-"], input=b"\xff\xfe")
    assert nothing.stdout_bytes == b"\xff\xfe"
    assert nothing.exit_code == 1


def test_what_cannot_be_read_cannot_be_mended(folder: Path) -> None:
    os.mkfifo(folder / "a.yaml")
    result = run("validate", "--fix", "a.yaml")
    assert "it is a pipe" in result.output
    assert result.exit_code == 1


# -- what is printed


def test_statistics_have_no_form_of_other_programs(folder: Path) -> None:
    error = run("validate", "--statistics", "--format", "sarif").exception
    assert isinstance(error, UsageError)
    assert "--statistics is text or JSON, not sarif" in error.message


def test_statistics_count_by_check(folder: Path) -> None:
    write(folder / "a.yaml", BAD)
    write(folder / "b.yaml", BAD + "inputs: {i: {type: string}}\n")
    result = run("validate", "--statistics", "a.yaml", "b.yaml")
    assert result.output == (
        "     2  error    unknown-key  (2 can be fixed)\n     1  warning  input-unused\n"
        "2 files checked: 2 errors, 1 warning\n"
    )
    assert result.exit_code == 1
    assert json.loads(run("validate", "--statistics", "--json", "a.yaml").output) == [
        {"code": "unknown-key", "severity": "error", "count": 1, "fixable": 1}
    ]


def test_quiet_shows_only_what_fails(folder: Path) -> None:
    write(folder / "a.yaml", WARNS)
    write(folder / "b.yaml", BAD)
    assert run("validate", "-q", "a.yaml").output == ""
    assert "unused-anchor" in run("validate", "-q", "--strict", "a.yaml").output
    both = run("validate", "--quiet", "a.yaml", "b.yaml").output
    assert "unknown-key" in both
    assert "unused-anchor" not in both


def test_shellcheck_looks_when_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = ShellNote("SC2086", "info", "Double quote it.", 1, 6, 1, 8)
    monkeypatch.setattr("runner.project.shellcheck.check_shell", lambda texts: [[note] for _ in texts])
    write(folder / "a.yaml", GOOD.replace("echo hello", "echo $X"))
    assert "SC2086" not in run("validate", "a.yaml").output
    assert "SC2086" in run("validate", "--shellcheck", "a.yaml").output
    write(folder / "runner.toml", "[shellcheck]\nenabled = true\n")
    assert "SC2086" in run("validate", "a.yaml").output
    assert "SC2086" not in run("validate", "--no-shellcheck", "a.yaml").output
    write(folder / "runner.toml", '[shellcheck]\nenabled = true\nexclude = ["SC2086"]\n')
    assert run("validate", "a.yaml").output == "1 file checked: no problems\n"


def test_what_has_not_changed_is_not_checked_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.project.check.checker_digest", lambda program: "this one")
    write(folder / "a.yaml", BAD)
    first = run("validate", "a.yaml")

    def refuse(*_: object) -> object:
        raise AssertionError("checked again")

    monkeypatch.setattr("runner.compiler.compile.check", refuse)
    assert run("validate", "a.yaml").output == first.output
    assert isinstance(run("validate", "--no-cache", "a.yaml").exception, AssertionError)
    write(folder / "a.yaml", GOOD)
    assert isinstance(run("validate", "a.yaml").exception, AssertionError)
