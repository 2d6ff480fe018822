"""Repetition: a step runs again until a condition holds over its own outputs."""

from __future__ import annotations

SPEC = """
spec: 1
name: again
steps:
  count:
    run: |
      n=$(cat n 2>/dev/null || echo 0); n=$((n + 1)); echo $n > n
      echo "n=$n" >> "$RUNNER_OUTPUT"
      FAIL
    outputs: {n: {type: integer}}
    retry: {attempts: 2, delay: 1s, jitter: 0}
    repeat: {until: 'UNTIL', max: MOST, delay: 30s}
  after: {after: count, run: 'echo ${{ steps.count.outputs.n }}'}
"""


def spec(until="outputs.n >= 3", most=5, fail="true"):
    return SPEC.replace("UNTIL", until).replace("MOST", str(most)).replace("FAIL", fail)


def test_it_runs_until_the_condition_holds_and_the_last_outputs_win(lab):
    done = lab.play(spec())
    assert done.state == "succeeded"
    assert done.step("count")["attempt"] == 3
    assert done.step("count")["outputs"] == {"n": 3}
    assert ("after", "stdout", "3\n") in lab.text
    assert lab.clock.slept == [30.0, 30.0]
    told = [(event.attempt, event.data["repetition"], event.data["outputs"]) for event in done.of("step.repeated")]
    assert told == [(1, 1, {"n": 1}), (2, 2, {"n": 2})]
    assert done.of("step.repeated")[0].data["reason"] == "`outputs.n >= 3` does not hold"


def test_a_condition_that_holds_at_once_repeats_nothing(lab):
    done = lab.play(spec("outputs.n > 0", most=1))
    assert done.step("count")["attempt"] == 1
    assert done.of("step.repeated") == []


def test_a_condition_that_never_holds_fails_the_step(lab):
    done = lab.play(spec("outputs.n > 99", most=2))
    assert done.state == "failed"
    assert done.step("count")["message"] == "it ran 2 times, and `outputs.n > 99` never held"
    assert done.step("count")["error_class"] == "repeat"
    assert done.states["after"] == "skipped"


def test_once_is_once(lab):
    assert lab.play(spec("outputs.n > 99", most=1)).step("count")["message"].startswith("it ran once, and")


def test_each_repetition_has_its_own_retries(lab):
    # Every odd attempt fails: each repetition needs both of its attempts.
    done = lab.play(spec("outputs.n >= 4", fail="test $((n % 2)) = 0"))
    assert done.state == "succeeded"
    assert done.step("count")["attempt"] == 4
    assert lab.clock.slept == [1.0, 30.0, 1.0]
    assert done.types("count").count("step.retrying") == 2


def test_a_repetition_whose_retries_are_used_up_fails_the_step(lab):
    done = lab.play(spec("outputs.n >= 9", fail="test $n = 1"))
    assert done.state == "failed"
    assert done.step("count")["message"].startswith("exit code 1")


def test_a_condition_that_cannot_be_evaluated_fails_the_step(lab, make_step):
    from runner.compiler.plan.model import Repeat

    done = lab.run(make_step("a", repeat=Repeat("outputs.no == 1", 3)), make_step("b", repeat=Repeat("'yes'", 3)))
    assert done.states == {"a": "failed", "b": "failed"}
    assert {done.step(key)["error_class"] for key in "ab"} == {"expression"}
    assert "gives 'yes', not true or false" in done.step("b")["message"]


def test_a_stop_ends_the_wait_between_two_repetitions(lab):
    async def sleep(seconds):
        lab.control.stop("by the test")
        import asyncio

        await asyncio.sleep(60)

    lab.clock.sleep = sleep
    done = lab.play(spec())
    assert done.states == {"count": "cancelled", "after": "cancelled"}
    assert done.step("count")["attempt"] == 1
