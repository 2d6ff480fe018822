"""`runner rerun`: which runs can be made again, and what is said of the others."""

from __future__ import annotations

import pytest

from runner.errors import StoreError, UsageError
from runner.run.owner import owner

RUN = {"name": "it", "spec": "it.yaml", "created_at": "2026-01-31T12:00:00.000000Z", "engine": "local"}


def document(state, **more):
    return {**RUN, "state": state, "owner": owner(), "parent": None, "plan_digest": "0" * 64, **more}


@pytest.mark.parametrize(
    "words", [("--failed", "--only", "a"), ("--from", "a", "--only", "b"), ("--failed", "--from", "a")]
)
def test_one_way_at_a_time(empty, words):
    result = empty.runner("rerun", "last", *words)
    assert isinstance(result.exception, UsageError)
    assert "say different things" in result.exception.message


def test_events_are_lines_of_json(empty):
    assert isinstance(empty.runner("rerun", "last", "--events").exception, UsageError)


def test_a_run_that_has_not_ended(empty):
    empty.put("r1", document("paused"))
    result = empty.runner("rerun", "r1")
    assert isinstance(result.exception, UsageError)
    assert "run r1 has not ended: it is paused" in result.exception.message
    assert "runner resume r1" in result.exception.hint


def test_a_run_below_another(empty):
    empty.put("r1", document("failed", parent={"run": "r0", "step": "a", "attempt": 1}))
    result = empty.runner("rerun", "r1", "--failed")
    assert isinstance(result.exception, UsageError)
    assert "runner rerun r0 --from a" in result.exception.hint


def test_a_run_whose_plan_is_gone(empty):
    empty.put("r1", document("failed"))
    result = empty.runner("rerun", "r1")
    assert isinstance(result.exception, StoreError)
    assert "plan.json" in result.exception.message


def test_a_run_that_nobody_knows(empty):
    empty.put("r1", document("failed"))
    assert isinstance(empty.runner("rerun", "r2").exception, UsageError)


@pytest.mark.parametrize(
    ("again", "words"),
    [
        ({"mode": "all", "steps": []}, "all of it"),
        ({"mode": "failed", "steps": []}, "what did not succeed"),
        ({"mode": "only", "steps": ["a", "b"]}, "only a, b"),
    ],
)
def test_status_says_what_a_run_is_made_of(empty, again, words):
    leg = {"step": "a", "leg": "a", "state": "succeeded", "reused": {"run": "r0", "leg": "a", "files": False}}
    empty.put("r1", document("succeeded", rerun_of={"run": "r0", "digest": "0" * 64, **again}), [leg])
    shown = empty.runner("status", "r1").stdout
    assert f"made again from run r0: {words}" in shown
    assert "of run r0" in shown.splitlines()[-1]
