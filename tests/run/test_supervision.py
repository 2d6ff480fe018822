"""What a supervisor goes on with, and when it gives up."""

from __future__ import annotations

from runner.run.supervision import Charges, Patience


def charges(tries: int = 3) -> Charges:
    return Charges(Patience(tries=tries, first=1.0, longest=8.0))


def gone_on(them: Charges, run: str, now: float) -> int:
    them.began(run)
    assert run in them.under_way
    return them.ended(run, now)


def test_all_that_is_cut_off_is_due_once():
    them = charges()
    assert them.due({"b": 0, "a": 0}, 0.0) == ["b", "a"]
    them.began("b")
    assert them.due({"b": 0, "a": 0}, 0.0) == ["a"]


def test_a_run_that_gets_no_further_is_tried_ever_later_and_then_left_alone():
    them = charges(tries=6)
    now, moments = 0.0, []
    while not them.left_alone():
        if them.due({"r": 2}, now):
            assert them.waiting_until() == (now if moments else None)
            moments.append(now)
            gone_on(them, "r", now)
        now += 0.5
    assert moments == [0.0, 1.0, 3.0, 7.0, 15.0, 23.0]
    assert them.due({"r": 2}, 1e9) == []
    assert them.left_alone() == ["r"]
    assert them.waiting_until() is None


def test_a_run_that_got_further_has_all_its_tries_again():
    them = charges(tries=2)
    for legs in range(10):
        now = 100.0 * legs
        assert them.due({"r": legs}, now) == ["r"]
        assert gone_on(them, "r", now) == 1
    assert them.due({"r": 9}, 1000.0) == ["r"]
    assert gone_on(them, "r", 1000.0) == 0


def test_a_run_that_ended_is_forgotten_and_one_that_a_process_goes_on_with_is_not():
    them = charges(tries=1)
    them.due({"r": 0, "s": 0}, 0.0)
    them.began("s")
    gone_on(them, "r", 0.0)
    assert them.due({}, 0.0) == []
    assert them.left_alone() == []
    assert them.under_way == ["s"]
    assert them.due({"r": 0}, 0.0) == ["r"]
