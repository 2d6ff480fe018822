"""The tables of the state machines, and the replay of a journal."""

from __future__ import annotations

import pytest

from runner.errors import IllegalMove
from runner.run.event import GENESIS, Event
from runner.run.state import RUN_MOVES, STEP_MOVES, check_run, check_step, replay

FINAL = {"succeeded", "failed", "skipped", "cancelled"}


def event(number, type_, step=None):
    return Event("r", number, "2026-01-01T00:00:00.000000Z", type_, step, None, {}, GENESIS)


@pytest.mark.parametrize("old", list(STEP_MOVES))
@pytest.mark.parametrize("new", list(STEP_MOVES))
def test_a_leg_moves_only_as_its_table_says(old, new):
    if new in STEP_MOVES[old]:
        check_step("a", old, new)
    else:
        with pytest.raises(IllegalMove, match=f"step a: no move from {old} to {new}"):
            check_step("a", old, new)


def test_a_final_state_is_final():
    assert all(not STEP_MOVES[state] for state in FINAL)
    assert all(not RUN_MOVES[state] for state in FINAL - {"skipped"})


def test_a_run_cannot_succeed_before_it_started():
    check_run("r", "pending", "running")
    with pytest.raises(IllegalMove, match="run r: no move from pending to succeeded"):
        check_run("r", "pending", "succeeded")


def test_a_journal_replays_to_its_states():
    types = ["run.created", "run.started", "step.ready", "step.started", "step.retrying", "step.started", "step.failed"]
    steps = [None, None, "a", "a", "a", "a", "a"]
    told = replay(event(n, type_, step) for n, (type_, step) in enumerate(zip(types, steps, strict=True), 1))
    assert told.run == "running"
    assert told.steps == {"a": "failed"}


def test_other_events_move_nothing():
    told = replay([event(1, "box.created", "a"), event(2, "artifact.stored", "a")])
    assert told.run is None
    assert told.steps == {}


def test_a_journal_with_a_forbidden_turn_is_refused():
    with pytest.raises(IllegalMove):
        replay([event(1, "step.ready", "a"), event(2, "step.succeeded", "a")])
