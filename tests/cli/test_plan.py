"""`runner plan`: what a spec would do, on standard output; what is wrong with it, on standard error."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from runner.cli.main import app
from runner.compiler.plan.wire import from_json
from runner.compiler.schemas import schema_path
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


def test_mermaid_of_a_fan_out_and_an_approval(scheduled: str) -> None:
    lines = run(scheduled, "--format", "mermaid").stdout.splitlines()
    assert '  s_b["B × ?"]' in lines
    assert '  s_gate{{"Ship"}}' in lines


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
    assert " ^\n" in result.stderr


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


TWO = "spec: 1\nname: one\nsteps: {a: {workflow: 'child.yaml#two'}}\n---\nspec: 1\nname: two\nsteps: {b: {run: b}}\n"


def test_one_of_several_workflows_is_named_behind_the_path(tmp_path: Path) -> None:
    (tmp_path / "child.yaml").write_text(TWO)
    path = str(tmp_path / "child.yaml")
    assert "wave 0\n  a  workflow\n     needs no box · runs child.yaml#two\n" in run(f"{path}#one").stdout
    assert run(f"{path}#two").stdout.startswith("two\n")
    several, unknown = run(path).exception, run(f"{path}#tow").exception
    assert isinstance(several, UsageError)
    assert (several.message, several.hint) == (
        f"{path} has several workflows: `one` and `two`",
        f"say which one: {path}#one",
    )
    assert isinstance(unknown, UsageError)
    assert (unknown.message, unknown.hint) == (f"there is no workflow `tow` in {path}", "did you mean `two`?")


def test_a_file_whose_name_has_a_sharp_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a#b.yaml").write_text("spec: 1\nname: odd\nsteps: {a: {run: a}}\n")
    assert run(str(tmp_path / "a#b.yaml")).stdout.startswith("odd\n")


def test_other_files_of_the_project_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("spec: 1\nname: top\nsteps: {a: {workflow: b.yaml}}\n")
    result = run(str(tmp_path / "a.yaml"))
    assert "workflow-file" in result.stderr
    assert "`b.yaml` cannot be read: no such file or directory" in result.stderr
    (tmp_path / "b.yaml").write_text("spec: 1\nname: below\nsteps: {a: {run: a}}\n")
    assert json.loads(run(str(tmp_path / "a.yaml"), "--json").stdout)["workflows"].keys() == {"b.yaml"}


SCHEDULED = """
spec: 1
name: demo
title: A <title> | more
steps:
  a: {run: echo, title: 'x | y'}
  gate: {approve: {prompt: Ship?}, after: [a], title: Ship}
  b: {run: 'echo ${{ item }}', for_each: {items: [x]}, after: [gate], title: B}
schedules:
  - {id: nightly, cron: 30 2 * * *, timezone: Europe/Berlin}
  - {id: off, every: 6h, active: false}
finally: {run: echo bye}
"""


@pytest.fixture
def scheduled(tmp_path: Path) -> str:
    path = tmp_path / "scheduled.yaml"
    path.write_text(SCHEDULED)
    return str(path)


def test_next_times_are_counted_from_the_moment_given(scheduled: str) -> None:
    lines = run(scheduled, "--at", "2027-03-26T12:00").stdout.splitlines()
    first = lines.index("  nightly: cron 30 2 * * *, Europe/Berlin")
    assert lines[first + 1] == "    Sat 2027-03-27 02:30+01:00"
    assert "does not exist in Europe/Berlin" in lines[first + 2]
    assert "  off: every 6h, UTC (not active)" in lines


def test_the_moment_may_have_an_offset(scheduled: str) -> None:
    shown = run(scheduled, "--at", "2027-06-01T02:30:00+02:00").stdout
    assert "Tue 2027-06-01 02:30+02:00" in shown


def test_json_has_the_next_times_beside_the_plan(scheduled: str) -> None:
    plain = json.loads(run(scheduled, "--json", "--at", "2027-03-26T12:00").stdout)
    assert plain["next_fires"]["nightly"][0] == {"at": "2027-03-27T02:30:00+01:00", "note": ""}
    assert plain["next_fires"]["off"] == []
    assert from_json(plain).digest == json.loads(run(scheduled, "--json", "--at", "2028-01-01").stdout)["digest"]
    schema = json.loads(schema_path("plan.v1.schema.json").read_bytes())
    jsonschema.validate(plain, schema)


def test_markdown(scheduled: str) -> None:
    shown = run(scheduled, "--format", "markdown", "--at", "2027-03-26T12:00").stdout
    assert shown.startswith("## A &lt;title&gt; \\| more\n")
    assert "| `a` | x \\| y | run | `default` → e2b |" in shown
    assert "| `b` | B | run × ? |" in shown
    assert "- Sat 2027-03-27 02:30+01:00\n" in shown
    assert "```mermaid\nflowchart LR\n" in shown


def test_markdown_mentions_nobody_and_takes_no_markup(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    title = "<img> @org/team *b* [a](https://x.example) `c` #12 &lt;"
    path.write_text(f"spec: 1\nname: demo\ntitle: '{title}'\nsteps: {{a: {{run: x, title: '@me | *b*'}}}}\n")
    shown = run(str(path), "--format", "markdown").stdout
    head = "## &lt;img&gt; @&#8203;org/team \\*b\\* \\[a\\](https://&#8203;x.example) \\`c\\` #&#8203;12 &amp;lt;\n"
    assert shown.startswith(head)
    assert "| `a` | @&#8203;me \\| \\*b\\* | run |" in shown


@pytest.mark.parametrize("form", ["text", "markdown", "mermaid"])
def test_a_spec_gives_no_orders_to_a_terminal(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text('spec: 1\nname: demo\nsteps: {a: {run: x, title: "\\e[2Jgone\\r\\u202Egnihton"}}\n')
    shown = CliRunner().invoke(app, ["plan", str(path), "--format", form], color=True).stdout
    assert "\ufffd[2Jgone" in shown
    assert not set(shown) & set("\x1b\r\u202e")


def test_price_is_shown(scheduled: str) -> None:
    assert "price in US dollars, low – likely – high\n" in run(scheduled).stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--at", "tomorrow"),
        ("--at", "0001-01-01"),
        ("--at", "9999-12-31T23:59:59-12:00"),
        ("--exit-code",),
        ("other.yaml",),
        ("--diff", "HEAD", "-i", "n=1"),
        ("--diff", "HEAD", "--format", "mermaid"),
        ("--diff", "HEAD", "a.yaml#demo"),
    ],
)
def test_options_that_do_not_go_together_are_bad_usage(scheduled: str, arguments: tuple[str, ...]) -> None:
    assert isinstance(run(scheduled, *arguments).exception, UsageError)


def test_a_plan_needs_a_spec() -> None:
    assert isinstance(run().exception, UsageError)


def test_markdown_of_a_plan_without_boxes(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("spec: 1\nname: demo\nsteps: {gate: {approve: {prompt: Ship?}}}\n")
    shown = run(str(path), "--format", "markdown").stdout
    assert "<summary>sandboxes</summary>" not in shown
    assert "<summary>graph</summary>" in shown


def test_markdown_tells_what_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    agents = "agents: {bot: {model: 'openai:gpt-4.1-2025-04-14', sandbox: s, tools: [files]}}"
    path.write_text(f"spec: 1\nname: demo\nsandboxes: {{s: {{}}}}\n{agents}\nsteps: {{a: {{agent: bot, prompt: x}}}}\n")
    shown = run(str(path), "--format", "markdown").stdout
    assert "- agent `bot`: no `budget.usd` limits it, so it may cost more\n" in shown


def test_what_this_machine_lacks_is_a_note_and_no_part_of_the_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.yaml"
    tab = "tab: {needs: {runtime: node}, prefer: [webcontainer, e2b]}"
    path.write_text(f"spec: 1\nname: demo\nsandboxes: {{{tab}}}\nsteps: {{a: {{sandbox: tab, run: node -v}}}}\n")
    before = json.loads(run(str(path), "--json").stdout)["digest"]
    monkeypatch.setattr("runner.embedded.webcontainer.pages.built", lambda: tmp_path)
    monkeypatch.setenv("RUNNER_CHROMIUM", "/no/such")
    shown = run(str(path)).stdout.splitlines()
    at = next(number for number, line in enumerate(shown) if line.startswith("    + webcontainer: "))
    assert shown[at + 1].startswith("      here: RUNNER_CHROMIUM is /no/such, which is no program")
    assert shown[at + 2].startswith("    + e2b: ")
    assert f"digest {before}" in shown
    assert "RUNNER_CHROMIUM" not in run(str(path), "--json").stdout
    path.write_text(path.read_text().replace("[webcontainer, e2b]", "[e2b]"))
    assert "here:" not in run(str(path)).stdout
