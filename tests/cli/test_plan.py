"""`runner plan`: what a spec would do, on standard output; what is wrong with it, on standard error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from runner.cli.main import app
from runner.compiler.plan.wire import from_json
from runner.errors import UsageError

SPEC = """
spec: 1
name: demo
inputs: {n: {type: integer}, who: {type: string, default: you}}
steps: {a: {run: 'echo ${{ matrix.i }} ${{ inputs.who }}', matrix: {i: '${{ range(inputs.n) }}'}}}
"""


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["plan", *arguments], input=stdin)


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "a.yaml"
    path.write_text(SPEC)
    return str(path)


def test_without_inputs_the_matrix_is_open(spec: str) -> None:
    result = run(spec)
    assert result.exit_code == 0
    assert "inputs still to be given: n" in result.stdout
    assert "matrix, known when the inputs are given" in result.stdout


def test_inputs_expand_the_matrix(spec: str) -> None:
    result = run(spec, "-i", "n=2", "--input", "who=me")
    assert "2 legs: i=0; i=1" in result.stdout
    assert 'who = "me"' in result.stdout


def test_json_is_a_plan(spec: str) -> None:
    result = run(spec, "-i", "n=2", "--json")
    plan = from_json(json.loads(result.stdout))
    assert [leg.key for leg in plan.step("a").legs or ()] == ["a[i=0]", "a[i=1]"]
    assert run(spec, "-i", "n=2", "--format", "json").stdout == result.stdout


def test_mermaid(spec: str) -> None:
    result = run(spec, "--format", "mermaid")
    assert result.stdout == 'flowchart LR\n  s_a["a × ?"]\n'


def test_standard_input() -> None:
    result = run("-", "-i", "n=1", stdin=SPEC)
    assert result.exit_code == 0
    assert "1 legs: i=0" in result.stdout


def test_errors_go_to_standard_error_and_end_with_one(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(SPEC.replace("inputs.n)", "inputs.m)"))
    result = run(str(path))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "error[expression-unknown]: there is no input `m`" in result.stderr
    assert "^^^^^^^^" in result.stderr


def test_warnings_do_not_stop_it(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(SPEC + "secrets: {t: {env: T}}\n")
    result = run(str(path))
    assert result.exit_code == 0
    assert "warning[secret-unused]" in result.stderr
    assert "digest " in result.stdout


@pytest.mark.parametrize("arguments", [("-i", "n"), ("-i", "m=1"), ("-i", "n=x"), ("-i", "who=me")])
def test_inputs_that_do_not_fit_are_bad_usage(spec: str, arguments: tuple[str, ...]) -> None:
    result = run(spec, *arguments)
    assert isinstance(result.exception, UsageError)
    assert "-i name=value" in result.exception.hint


def test_a_file_that_is_not_there_is_bad_usage() -> None:
    result = run("/nowhere/a.yaml")
    assert isinstance(result.exception, UsageError)
    assert "no such file" in result.exception.message
