"""`runner report`: what it prints, the file it keeps, and how it says that the file is not current."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from runner.cli.main import app
from runner.errors import UsageError

SPEC = """
spec: 1
name: site
title: The site
agents: {ada: {title: Ada, human: true}}
steps:
  draft: {ref: "1.1", title: Draft, owner: ada, run: echo draft}
milestones:
  - {id: w1, due: 2030-01-08, title: Drafted, needs: [draft]}
risks:
  - {id: rain, title: Rain, likelihood: low}
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.yaml").write_text(SPEC)
    return tmp_path


def runner(words: str) -> Any:
    done = CliRunner().invoke(app, ["report", *shlex.split(words)])
    if isinstance(done.exception, Exception) and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_the_text_has_steps_milestones_what_is_left_and_risks() -> None:
    lines = runner("site.yaml --at 2030-01-09 --since 7d").stdout.splitlines()
    assert lines[:2] == ["The site", "site: no run yet; 0 of 1 steps done, 0 of 1 milestones reached"]
    assert "  milestone w1 is late: 0 of 1 steps done (Ada)" in lines
    assert lines[lines.index("Done since 2030-01-02") + 1] == "  nothing"
    assert "☐  1.1  Draft  Ada    pending" in lines
    assert [line for line in lines if line.startswith("☐  w1")] == ["☐  w1         Drafted  2030-01-08  late   0/1"]
    assert any(line.startswith("Rain") for line in lines)


def test_without_names_the_specs_with_milestones_are_reported_and_json_is_a_list() -> None:
    (Path("other.yaml")).write_text("spec: 1\nname: other\nsteps: {say: {run: echo hi}}\n")
    assert [one["workflow"] for one in json.loads(runner("--json").stdout)] == ["site"]
    named = json.loads(runner("other.yaml site.yaml --format json").stdout)
    assert [one["workflow"] for one in named] == ["other", "site"]


def test_a_report_that_is_kept_in_a_file_is_current_until_something_changes() -> None:
    assert runner("site.yaml --at 2030-01-01 --out status.md").exit_code == 0
    assert Path("status.md").read_text().startswith("## The site\n")
    assert runner("site.yaml --at 2030-01-02 --out status.md --check").exit_code == 0
    late = runner("site.yaml --at 2030-01-09 --out status.md --check")
    assert (late.exit_code, "status.md is not current" in late.stderr) == (1, True)
    assert "late" not in Path("status.md").read_text()


def test_in_a_document_with_marks_only_what_is_between_them_is_written() -> None:
    Path("plan.md").write_text("# Plan\n<!-- runner report -->\n<!-- /runner report -->\nBye\n")
    assert runner("site.yaml --out plan.md --check").exit_code == 1
    runner("site.yaml --out plan.md")
    text = Path("plan.md").read_text()
    assert text.startswith("# Plan\n<!-- runner report -->\n## The site\n")
    assert text.endswith("<!-- /runner report -->\nBye\n")
    assert runner("site.yaml --out plan.md --check").exit_code == 0


def test_a_file_of_another_suffix_has_text_without_colours() -> None:
    runner("site.yaml --out status.txt")
    assert "\x1b" not in Path("status.txt").read_text()
    runner("site.yaml --out status.json")
    assert json.loads(Path("status.json").read_text())[0]["title"] == "The site"


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(UsageError, match="--check goes with --out"):
        runner("site.yaml --check")
    with pytest.raises(UsageError, match=r"no runs in \.runner"):
        runner("last")
    with pytest.raises(UsageError, match=r"no file or folder away\.yaml"):
        runner("away.yaml")
    Path("binary").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="binary is no text"):
        runner("site.yaml --out binary")
