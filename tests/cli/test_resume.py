"""`runner resume`: which runs can be gone on with, and what is said of the others."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from runner.errors import StoreError, UsageError
from runner.run.owner import owner
from runner.store.memory import MemoryStore

from_here = {"name": "it", "spec": "it.yaml", "created_at": "2026-01-31T12:00:00.000000Z", "engine": "local"}
DEAD = {"pid": 2**22 + 1, "host": owner()["host"], "boot": owner()["boot"]}


def document(state, **more):
    return {**from_here, "state": state, "owner": DEAD, "parent": None, "plan_digest": "0" * 64, **more}


@pytest.mark.parametrize("words", [(), ("last", "--all")])
def test_one_run_or_all(empty, words):
    result = empty.runner("resume", *words)
    assert isinstance(result.exception, UsageError)
    assert "needs one run, or --all" in result.exception.message


@pytest.mark.parametrize(("state", "words"), [("succeeded", "it succeeded"), ("cancelled", "it was cancelled")])
def test_a_run_that_has_ended(empty, state, words):
    empty.put("r1", document(state))
    result = empty.runner("resume", "r1")
    assert isinstance(result.exception, UsageError)
    assert f"run r1 has ended: {words}" in result.exception.message


def test_a_run_that_is_going_on(empty):
    empty.put("r1", document("running", owner=owner()))
    result = empty.runner("resume", "r1")
    assert isinstance(result.exception, UsageError)
    assert f"run r1 is going on in process {owner()['pid']} on {owner()['host']}" in result.exception.message
    assert "--take-over" in result.exception.hint


def test_a_run_below_another(empty):
    empty.put("r1", document("running", parent={"run": "r0", "step": "a", "attempt": 1}))
    result = empty.runner("resume", "r1")
    assert isinstance(result.exception, UsageError)
    assert "runner resume r0" in result.exception.hint


def test_a_run_whose_plan_is_gone(empty):
    empty.put("r1", document("paused"))
    result = empty.runner("resume", "r1")
    assert isinstance(result.exception, StoreError)
    assert "plan.json" in result.exception.message


def test_all_leaves_paused_ended_and_living_runs_alone(empty):
    empty.put("r1", document("paused"))
    empty.put("r2", document("succeeded"))
    empty.put("r3", document("running", owner=owner()))
    empty.put("r4", document("running", parent={"run": "r3", "step": "a", "attempt": 1}))
    result = empty.runner("resume", "--all")
    assert result.exit_code == 0
    assert "was cut off" in result.stdout


def test_all_without_any_run(tmp_path, empty):
    result = empty.runner("resume", "--all", "--json")
    assert (result.exit_code, result.stdout) == (0, "")


def test_events_are_lines_of_json(empty):
    result = empty.runner("resume", "last", "--events")
    assert isinstance(result.exception, UsageError)
    assert "--events needs --json" in result.exception.message


def test_status_says_how_to_go_on(empty):
    empty.put("r1", document("running"))
    assert "go on with it: runner resume r1" in empty.runner("status", "r1").stdout
    assert json.loads(empty.runner("status", "r1", "--json").stdout)["run"]["state"] == "interrupted"


@pytest.fixture
def elsewhere(empty, monkeypatch):
    """A run of another machine, in a store that both share; `elsewhere(seconds)` gives it a lease."""
    monkeypatch.setattr(MemoryStore, "shared", True)
    empty.put("r1", document("running", owner={**owner(), "host": "far", "boot": "b", "place": "p", "pid": 7}))

    def held(seconds):
        async def main():
            await empty.store.open()
            await empty.store.claim("r1", "h", seconds)

        asyncio.run(main())
        return empty

    return held


def test_a_run_of_another_machine_is_left_to_it_while_its_lease_lasts(elsewhere):
    there = elsewhere(25.0)
    refused = there.runner("resume", "r1").exception
    assert isinstance(refused, UsageError)
    assert re.search(r"run r1 is going on in process 7 on far; its lease lasts 2\d s still", refused.message)
    assert "When its lease has run out, anybody may go on." in refused.hint
    assert re.search(r"going on in process 7 on far; its lease lasts 2\d s still", there.runner("status", "r1").stdout)
    shown = json.loads(there.runner("status", "r1", "--json").stdout)["run"]
    assert (shown["state"], 0 < shown["lease"] <= 25) == ("running", True)
    assert "was cut off" in there.runner("resume", "--all").stdout


@pytest.mark.parametrize("words", [("r1",), ("--all",)])
def test_a_run_whose_lease_ran_out_can_be_gone_on_with(elsewhere, words):
    there = elsewhere(0.0)
    assert "its process is gone" in there.runner("status", "r1").stdout
    result = there.runner("resume", *words)
    told = result.exception.message if words == ("r1",) else result.stderr
    assert "plan.json" in told, "it is tried, and this run never had a plan"


def test_a_run_without_a_lease_on_another_machine_gets_the_benefit_of_the_doubt(elsewhere):
    there = elsewhere(0.0)
    asyncio.run(there.store.release("r1", "h"))
    refused = there.runner("resume", "r1").exception
    assert "run r1 is going on in process 7 on far" in refused.message
    assert "--take-over" in refused.hint
    assert "plan.json" in there.runner("resume", "r1", "--take-over").exception.message
