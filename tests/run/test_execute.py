"""Whole runs in fake boxes: order, conditions, matrix, the last steps, milestones."""

from __future__ import annotations

import json

import pytest

from runner.compiler.plan.model import Milestone, OutputDecl

INTEGER = OutputDecl(schema={"type": "integer"})


def test_a_step_leaves_its_whole_story(lab, make_step):
    done = lab.run(make_step("a", "echo hi"))
    assert done.state == "succeeded"
    assert done.types() == [
        "run.created",
        "run.started",
        "step.ready",
        "step.started",
        "sandbox.chosen",
        "box.created",
        "step.succeeded",
        "box.killed",
        "run.succeeded",
    ]
    assert lab.text == [("a", "stdout", "hi\n")]
    assert done.step("a")["provider"] == "fake"
    assert done.step("a")["attempt"] == 1


def test_steps_start_after_their_upstream_and_see_its_outputs(lab, make_step):
    done = lab.run(
        make_step("a", 'echo "n=41" >> "$RUNNER_OUTPUT"', outputs={"n": INTEGER}),
        make_step(
            "b",
            'echo "n=$(($RUNNER_EXPR_0 + 1))" >> "$RUNNER_OUTPUT"',
            expressions={"RUNNER_EXPR_0": "steps.a.outputs.n"},
            outputs={"n": INTEGER},
            after=("a",),
        ),
    )
    assert done.step("b")["outputs"] == {"n": 42}
    types = [(event.type, event.step) for event in done.events]
    assert types.index(("step.succeeded", "a")) < types.index(("step.ready", "b"))


def test_the_plan_of_the_run_is_kept(lab, make_step):
    done = lab.run(make_step("a"))
    kept = json.loads((lab.folder / "state" / "runs" / done.report.run / "plan.json").read_bytes())
    assert kept["digest"] == done.report.document["plan_digest"]


@pytest.mark.parametrize(("allow", "state", "after"), [(False, "failed", "skipped"), (True, "succeeded", "succeeded")])
def test_a_failure_skips_what_comes_after_unless_it_is_allowed(lab, make_step, allow, state, after):
    done = lab.run(make_step("a", "exit 3", allow_failure=allow), make_step("b", after=("a",)), make_step("c"))
    assert done.state == state
    assert done.states == {"a": "failed", "b": after, "c": "succeeded"}


def test_matrix_legs_share_a_step_and_their_outputs_are_a_list(lab, make_step):
    done = lab.run(
        make_step(
            "m",
            'echo "n=$RUNNER_EXPR_0" >> "$RUNNER_OUTPUT"',
            legs=3,
            expressions={"RUNNER_EXPR_0": "matrix.n * 10"},
            outputs={"n": INTEGER},
        ),
        make_step("sum", "echo $RUNNER_EXPR_0", expressions={"RUNNER_EXPR_0": "steps.m.outputs.n"}, after=("m",)),
    )
    assert done.states == {"m[n=0]": "succeeded", "m[n=1]": "succeeded", "m[n=2]": "succeeded", "sum": "succeeded"}
    assert ("sum", "stdout", "[0,10,20]\n") in lab.text


def test_a_milestone_with_a_false_check_fails_the_run(lab, make_step):
    done = lab.run(
        make_step("a"),
        milestones=(
            Milestone("good", needs=("a",), accept=("steps.a.state == 'succeeded'",)),
            Milestone("bad", needs=("a",), accept=("1 > 2",)),
        ),
    )
    assert done.state == "failed"
    assert "milestone bad: `1 > 2` does not hold" in done.report.document["message"]
    assert done.report.milestones["good"]["state"] == "reached"
    assert done.report.milestones["bad"]["checks"] == [{"expression": "1 > 2", "ok": False}]
