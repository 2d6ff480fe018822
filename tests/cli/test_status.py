from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from runner.cli.main import app
from runner.cli.state import span
from runner.cli.status import cost_words
from runner.cli.table import one_line, render, width
from runner.errors import UsageError
from runner.run.event import EventDraft
from runner.run.owner import owner
from runner.run.ports import Change


def columns(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_runs_are_listed_newest_first(recorded: Any) -> None:
    result = recorded.runner("status")
    assert result.exit_code == 0
    rows = columns(result.stdout)
    assert rows[0] == ["RUN", "NAME", "STATE", "ENGINE", "STARTED", "DURATION", "STEPS"]
    assert [row[:4] for row in rows[1:]] == [
        ["20260131-140000-cccccc", "long", "interrupted", "local"],
        ["20260131-130000-bbbbbb", "check", "failed", "prefect"],
        ["20260131-120000-aaaaaa", "hello", "succeeded", "local"],
    ]
    assert [row[-1] for row in rows[1:]] == ["0/2", "3/4", "0/0"]
    assert rows[2][-5:-1] == ["1", "m", "05", "s"]


def test_the_list_can_be_limited(recorded: Any) -> None:
    assert len(recorded.runner("status", "--limit", "1").stdout.splitlines()) == 2


def test_a_run_whose_process_is_gone_lasted_until_its_last_event(recorded: Any) -> None:
    run = json.loads(recorded.runner("status", "--json").stdout)[0]
    assert run["state"] == "interrupted"
    assert run["last_event_at"] == "2026-01-31T12:00:09.000000Z"
    assert run["duration"] == 8.0


def test_a_run_of_a_live_process_is_running(empty: Any) -> None:
    empty.put("r", {"state": "running", "owner": owner()})
    assert json.loads(empty.runner("status", "--json").stdout)[0]["state"] == "running"


def test_an_ended_run_of_a_dead_process_keeps_its_state(empty: Any) -> None:
    empty.put("r", {"state": "succeeded", "owner": owner() | {"boot": "another"}})
    empty.put("s", {"state": "paused", "owner": owner() | {"boot": "another"}})
    states = {run["id"]: run["state"] for run in json.loads(empty.runner("status", "--json").stdout)}
    assert states == {"r": "succeeded", "s": "paused"}


def test_one_run_shows_legs_milestones_and_artifacts(recorded: Any) -> None:
    text = recorded.runner("status", "20260131-13").stdout
    assert text.startswith("run 20260131-130000-bbbbbb  Check it\nstate failed, engine prefect, started ")
    assert "step test[n=1] failed\n" in text
    rows = columns(text)
    legs = [row for row in rows if row and row[0] in ("build", "test[n=1]", "test[n=2]")]
    assert [row[:2] for row in legs] == [["build", "succeeded"], ["test[n=1]", "failed"], ["test[n=2]", "skipped"]]
    assert legs[0][2:5] == ["1", "4.5", "s"]
    assert " ".join(legs[1][2:]) == "3 10 m 05 s e2b box-1 exit code 2 [31m second line"
    assert ["w1", "missed", "1", "Builds", "not:", "1", ">", "2"] in rows
    assert ["build/dist", "3", "12345", "abababababab", "a/d"] in rows


def test_a_leg_of_an_interrupted_run_is_interrupted_too(recorded: Any) -> None:
    text = recorded.runner("status", "last").stdout
    assert "its process is gone; last event at 2026-" in text
    assert ["a", "interrupted", "1", "–", "–"] in columns(text)


def test_a_leg_that_waited_for_its_next_attempt_is_interrupted_too(empty: Any) -> None:
    empty.put("r", {"state": "running", "owner": {**owner(), "boot": "another"}})
    begun = {"state": "ready", "attempt": 1, "started_at": "2026-01-31T12:00:00.000000Z", "ended_at": None}
    legs = [Change("step", "a", 0, begun), Change("step", "b", 0, {"state": "ready", "attempt": 0, "started_at": None})]
    asyncio.run(empty.commit("r", legs, []))
    rows = columns(empty.runner("status", "r").stdout)
    assert ["a", "interrupted", "1", "–", "–"] in rows
    assert ["b", "ready", "–", "–", "–"] in rows


def test_one_run_as_json(recorded: Any) -> None:
    more = [
        Change("attempt", "build#1", 0, {"step": "build", "number": 1, "state": "succeeded"}),
        Change("approval", "build/repeat-1", 0, {"step": "build", "prompt": "again?", "decision": None}),
    ]
    asyncio.run(recorded.commit("20260131-130000-bbbbbb", more, []))
    value = json.loads(recorded.runner("status", "20260131-130000-bbbbbb", "--json").stdout)
    assert set(value) == {"run", "steps", "milestones", "artifacts", "boxes", "attempts", "approvals"}
    assert [(each["key"], each["state"]) for each in value["attempts"]] == [("build#1", "succeeded")]
    assert [(each["key"], each["prompt"]) for each in value["approvals"]] == [("build/repeat-1", "again?")]
    assert value["run"]["version"] is None  # nobody knows it of a run of an older version
    assert (value["run"]["id"], value["run"]["steps_done"]) == ("20260131-130000-bbbbbb", 3)
    assert [(leg["key"], leg["duration"]) for leg in value["steps"]][:2] == [("build", 4.5), ("test[n=1]", 605.0)]
    assert value["milestones"][0]["key"] == "w1"
    assert value["artifacts"][0]["bytes"] == 12345
    assert value["boxes"] == []


def test_a_milestone_whose_checks_hold(empty: Any) -> None:
    empty.put("r", {})
    checks = [{"expression": "true", "ok": True}, {"expression": "1 < 2", "ok": True}]
    reached = Change("milestone", "m", 0, {"state": "reached", "due": "2026-02-01", "checks": checks})
    asyncio.run(empty.commit("r", [reached], []))
    assert ["m", "reached", "2026-02-01", "–", "2", "of", "2", "hold"] in columns(empty.runner("status", "r").stdout)


def test_documents_with_nothing_in_them_are_shown(empty: Any) -> None:
    empty.put("bare", {"started_at": 5, "owner": "?", "state": None}, [{"leg": "x", "checks": 1}])
    assert empty.runner("status").exit_code == 0
    result = empty.runner("status", "bare")
    assert result.exit_code == 0
    assert ["x", "pending", "–", "–", "–"] in columns(result.stdout)


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("20260131", "'20260131' begins 3 runs: 20260131-140000-cccccc, ", "Write more of it."),
        ("20260131-130000-bbbbbx", "no run '20260131-130000-bbbbbx' in ", "Did you mean 20260131-130000-bbbbbb? "),
        ("x", "no run 'x' in ", "List the runs with `runner status --state "),
        ("", "no run '' in ", "List the runs with `runner status --state "),
    ],
)
def test_a_name_that_means_no_single_run(recorded: Any, name: str, message: str, hint: str) -> None:
    error = recorded.runner("status", name).exception
    assert isinstance(error, UsageError)
    assert error.message.startswith(message)
    assert error.hint.startswith(hint)


def test_no_state_is_an_empty_list_and_no_folder(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["status", "--state", str(tmp_path / "none")])
    assert (result.exit_code, result.stdout[:12]) == (0, "no runs in /")
    assert "runner run SPEC" in result.stdout
    assert CliRunner().invoke(app, ["status", "--json", "--state", str(tmp_path / "none")]).stdout == "[]\n"
    for name in ("x", "last"):
        error = CliRunner().invoke(app, ["status", name, "--state", str(tmp_path / "none")]).exception
        assert isinstance(error, UsageError)
        assert "runner run SPEC" in error.hint
    assert not (tmp_path / "none").exists()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "state" / "theirs").mkdir(parents=True)
    result = CliRunner().invoke(app, ["status", "--state", str(tmp_path)])
    assert result.stdout.startswith("no runs in")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["state", "theirs"]


def test_last_of_no_runs(empty: Any) -> None:
    assert isinstance(empty.runner("status", "last").exception, UsageError)
    assert empty.runner("status").stdout.startswith("no runs in")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (59.4, "59 s"),
        (59.9, "1 m 00 s"),
        (3599, "59 m 59 s"),
        (7620, "2 h 07 m"),
    ],
)
def test_spans(seconds: float | None, text: str) -> None:
    assert span(seconds) == text


def test_tables_align_wide_and_combined_characters() -> None:
    lines = render(("A", "B"), [("日本", "x"), ("e\u0301", "y")]).splitlines()
    assert {width(line[: line.index(mark)]) for line, mark in zip(lines, "Bxy", strict=True)} == {6}


def test_text_from_outside_stays_on_its_line() -> None:
    assert one_line("a\x1b[2J\n\tb\u202ec") == "a [2J b c"
    assert one_line("x" * 200, 10) == "x" * 9 + "…"
    assert one_line(None) == ""


def test_runs_below_and_above_name_each_other(empty: Any) -> None:
    work = {"step": "go", "leg": "go", "state": "succeeded", "child": "20260131-120001-bbbbbb"}
    kept = {"step": "kept", "leg": "kept", "state": "succeeded", "cached": {"run": "20260130-000000-cccccc"}}
    empty.put("20260131-120000-aaaaaa", {"state": "succeeded", "name": "top", "created_at": "1"}, [work, kept])
    above = {"run": "20260131-120000-aaaaaa", "step": "go", "attempt": 1}
    document = {"state": "succeeded", "name": "low", "created_at": "2", "parent": above, "outputs": {"n": 1}}
    empty.put("20260131-120001-bbbbbb", document)
    assert "low (below 20260131-120000-aaaaaa)" in empty.runner("status").stdout
    low = empty.runner("status", "20260131-120001-bbbbbb").stdout
    assert "started by step go of run 20260131-120000-aaaaaa\n" in low
    assert 'outputs {"n": 1}' in low
    top = empty.runner("status", "20260131-120000-aaaaaa").stdout
    assert "run 20260131-120001-bbbbbb" in top
    assert "cache: 20260130-000000-cccccc" in top


def test_the_last_run_is_the_last_that_somebody_started(empty: Any) -> None:
    empty.put("a", {"state": "succeeded", "name": "top", "created_at": "1"})
    empty.put("b", {"state": "succeeded", "name": "low", "created_at": "2", "parent": {"run": "a", "step": "go"}})
    assert json.loads(empty.runner("status", "last", "--json").stdout)["run"]["id"] == "a"
    empty.put("c", {"state": "succeeded", "name": "lost", "created_at": "3", "parent": {"run": "gone", "step": "go"}})
    assert json.loads(empty.runner("status", "last", "--json").stdout)["run"]["id"] == "c"


COST = {"usd": 0.0123, "box_seconds": 90.0}
DEAR, FREE = {"free": False}, {"free": True}


@pytest.mark.parametrize(
    ("run", "boxes", "words"),
    [
        ({"cost": COST}, [DEAR, FREE], "cost about $0.0123 (2 boxes, 1 m 30 s; estimated from what was allocated)"),
        ({"cost": COST}, [FREE], "cost $0 (1 box, 1 m 30 s on this machine's embedded endpoint, which costs nothing)"),
        ({"cost": COST}, [], ""),
        ({}, [DEAR], ""),
    ],
)
def test_what_a_run_cost_and_why(run: Any, boxes: Any, words: str) -> None:
    assert cost_words(run, boxes) == words


def test_changes_of_provider_are_shown_with_their_time(empty: Any) -> None:
    told = {"sandbox": "py", "from": "e2b", "to": "e2b@embedded", "reason": "slow down", "error": "RateLimited"}
    empty.put("r", {"state": "succeeded"})
    first = {**told, "class": "quota", "switch_ms": 412.4, "retry_after": 3.0}
    events = [EventDraft("sandbox.fallback", "2026-01-31T12:00:10.000000Z", data=data) for data in (first, told)]
    asyncio.run(empty.commit("r", [], events))
    lines = empty.runner("status", "r").stdout.splitlines()
    assert "sandbox py: e2b → e2b@embedded in 412 ms (quota: slow down), to be asked again after 3 s" in lines
    assert any(line.startswith("sandbox py: e2b → e2b@embedded, which failed too") for line in lines)
