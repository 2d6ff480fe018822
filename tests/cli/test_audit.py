from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from runner.cli.main import app
from runner.errors import UsageError

RUN = "20260131-120000-aaaaaa"


def test_intact_journals(recorded: Any) -> None:
    result = recorded.runner("audit", "verify")
    assert result.exit_code == 0
    head = recorded.store._heads[RUN][1][:12]
    assert f"run {RUN}: 1 event, chain ok, head {head}\n" in result.stdout
    assert result.stdout.count("chain ok") == 3
    assert recorded.runner("audit", "verify", "--all").stdout == result.stdout


def test_named_runs_once_each_in_their_order(recorded: Any) -> None:
    result = recorded.runner("audit", "verify", "last", RUN, "20260131-12")
    assert [line.split()[1] for line in result.stdout.splitlines()] == ["20260131-140000-cccccc:", f"{RUN}:"]


def test_a_changed_event_is_named(recorded: Any) -> None:
    events = recorded.store._events[RUN]
    events[1] = events[1].replace('"hello"', '"hallo"')
    result = recorded.runner("audit", "verify")
    assert result.exit_code == 1
    assert f"runner: run {RUN}: event 1 (run.created) does not match its hash" in result.stderr
    assert "hint: " in result.stderr
    assert result.stdout.count("chain ok") == 2
    verdicts = {each["run"]: each for each in json.loads(recorded.runner("audit", "verify", "--json").stdout)}
    assert verdicts[RUN]["ok"] is False
    assert "event 1" in verdicts[RUN]["error"]
    assert verdicts["20260131-130000-bbbbbb"]["ok"] is True


def test_a_journal_cut_at_its_end(recorded: Any) -> None:
    recorded.store._events[RUN].clear()
    result = recorded.runner("audit", "verify", RUN)
    assert result.exit_code == 1
    assert "ends at event 0, but the store has acknowledged 1" in result.stderr


def test_a_missing_head(recorded: Any) -> None:
    del recorded.store._heads[RUN]
    result = recorded.runner("audit", "verify", RUN)
    assert result.exit_code == 1
    assert "the head of its journal is missing (events found: 1)" in result.stderr


def test_no_runs_is_fine_and_an_unknown_one_is_not(tmp_path: Path) -> None:
    def verify(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["audit", "verify", *arguments, "--state", str(tmp_path / "none")])

    assert verify().exit_code == 0
    assert verify("--json").stdout == "[]\n"
    assert isinstance(verify("x").exception, UsageError)


def test_all_and_names_exclude_each_other(recorded: Any) -> None:
    error = recorded.runner("audit", "verify", RUN, "--all").exception
    assert isinstance(error, UsageError)


@pytest.mark.parametrize("arguments", [["audit"], ["audit", "--help"]])
def test_help(arguments: list[str]) -> None:
    assert "verify" in CliRunner().invoke(app, arguments).output
