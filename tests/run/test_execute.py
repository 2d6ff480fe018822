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
    assert done.report.document["spec"] == "lab.yaml"
    assert done.report.document["spec_path"] == str(lab.folder / "lab.yaml")


def test_a_spec_without_a_file_has_no_path(lab, make_step):
    assert lab.run(make_step("a"), source={"path": "<stdin>"}).report.document["spec_path"] == "<stdin>"


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


def test_a_milestone_whose_step_failed_is_missed_without_looking(lab, make_step):
    done = lab.run(
        make_step("a", "exit 1", allow_failure=True), milestones=(Milestone("m", needs=("a",), accept=("1 > 2",)),)
    )
    assert done.state == "succeeded"
    assert done.report.milestones["m"]["state"] == "missed"
    assert done.report.milestones["m"]["checks"] == [{"expression": "1 > 2", "ok": None}]


def test_a_check_that_cannot_be_evaluated_fails_the_run(lab, make_step):
    done = lab.run(make_step("a"), milestones=(Milestone("m", needs=("a",), accept=("steps.a.outputs.no == 1",)),))
    assert done.state == "failed"
    assert done.report.document["message"].startswith("milestone m: the expression")


def test_conditions(lab, make_step):
    done = lab.run(
        make_step("bad", "exit 1", allow_failure=False),
        make_step("on", condition="inputs.go"),
        make_step("off", condition="!inputs.go"),
        make_step("after_off", after=("off",)),
        make_step("rescue", after=("bad",), condition="steps.bad.state == 'failed'", condition_guards_failure=True),
        make_step("guarded", after=("bad",), condition="inputs.go"),
        make_step("odd", condition="'yes'"),
        make_step("broken", condition="inputs.missing == 1"),
        inputs={"go": True},
    )
    assert done.states == {
        "bad": "failed",
        "on": "succeeded",
        "off": "skipped",
        "after_off": "skipped",
        "rescue": "succeeded",
        "guarded": "skipped",
        "odd": "failed",
        "broken": "failed",
    }
    assert done.step("off")["message"] == "its condition is false: !inputs.go"
    assert done.step("after_off")["message"] == "off was skipped"
    assert "gives 'yes', not true or false" in done.step("odd")["message"]
    assert done.types("broken") == ["step.ready", "step.failed"]
    assert done.step("broken")["error_class"] == "expression"


def test_max_parallel_is_kept(lab, make_step):
    lab.max_parallel = 2
    running: list[int] = []
    now = 0

    def count(event):
        nonlocal now
        now += {"step.started": 1, "step.succeeded": -1}.get(event.type, 0)
        running.append(now)

    lab.on_event = count
    done = lab.run(make_step("m", "sleep 0.05", legs=6))
    assert done.state == "succeeded"
    assert max(running) == 2


def test_a_matrix_may_be_narrower_than_the_run(lab, make_step):
    running: list[int] = []
    now = 0

    def count(event):
        nonlocal now
        now += {"step.started": 1, "step.succeeded": -1}.get(event.type, 0)
        running.append(now)

    lab.on_event = count
    lab.run(make_step("m", "sleep 0.02", legs=3, matrix_source={"max_parallel": 1}))
    assert max(running) == 1


def test_fail_fast_stops_the_other_legs_and_nothing_else(lab, make_step):
    done = lab.run(
        make_step("m", "[ $RUNNER_STEP = 'm[n=0]' ] && exit 1; sleep 30", legs=3, matrix_source={"fail_fast": True}),
        make_step("other", "sleep 0.1"),
        make_step("narrow", "exit 1", legs=3, matrix_source={"fail_fast": True, "max_parallel": 1}),
    )
    assert done.state == "failed"
    assert done.states == {
        "m[n=0]": "failed",
        "m[n=1]": "cancelled",
        "m[n=2]": "cancelled",
        "other": "succeeded",
        "narrow[n=0]": "failed",
        "narrow[n=1]": "cancelled",
        "narrow[n=2]": "cancelled",
    }
    assert done.step("m[n=1]")["message"] == "m[n=0] failed, and its matrix is fail_fast"


def test_a_matrix_without_legs_has_succeeded(lab, make_step):
    done = lab.run(make_step("m", legs=[]), make_step("b", after=("m",)))
    assert done.states == {"b": "succeeded"}


def test_a_plan_without_steps(lab):
    done = lab.run(milestones=(Milestone("m"),))
    assert done.state == "succeeded"
    assert done.report.milestones["m"]["state"] == "reached"


def test_the_last_steps_run_at_the_end(lab, make_step):
    failing = lab.run(
        make_step("a", "exit 1"),
        make_step("b"),
        on_failure=make_step("on_failure", "echo $RUNNER_EXPR_0", expressions={"RUNNER_EXPR_0": "steps.a.state"}),
        finally_=make_step("finally", "echo end"),
    )
    assert failing.state == "failed"
    assert failing.states == {"a": "failed", "b": "succeeded", "on_failure": "succeeded", "finally": "succeeded"}
    assert ("on_failure", "stdout", "failed\n") in lab.text
    order = [event.step for event in failing.events if event.type == "step.started"]
    assert order[-2:] == ["on_failure", "finally"]


def test_without_a_failure_only_finally_runs_and_can_fail_the_run(lab, make_step):
    done = lab.run(make_step("a"), on_failure=make_step("on_failure"), finally_=make_step("finally", "exit 1"))
    assert done.states == {"a": "succeeded", "on_failure": "skipped", "finally": "failed"}
    assert done.step("on_failure")["message"] == "nothing failed"
    assert done.state == "failed"
    assert done.report.document["message"] == "finally: exit code 1"


def test_scripts_stdin_cwd_and_environment(lab, make_step):
    done = lab.run(
        make_step("make", "mkdir -p work"),
        make_step(
            "py",
            kind="script",
            action={"language": "python", "code": "import os,sys; print(sys.stdin.read(), os.environ['WHO'])"},
            stdin="in ${{ inputs.who }}",
            env={"WHO": "env ${{ inputs.who }}"},
            after=("make",),
        ),
        make_step(
            "sh", kind="script", action={"language": "bash", "code": "basename $PWD"}, cwd="work", after=("make",)
        ),
        make_step(
            "env", 'echo "$RUNNER_STEP $RUNNER_ATTEMPT $RUNNER_RUN ${RUNNER_ARTIFACTS##*/} ${RUNNER_OUTPUT##*/}"'
        ),
        inputs={"who": "bob"},
    )
    assert done.state == "succeeded"
    assert ("py", "stdout", "in bob env bob\n") in lab.text
    assert ("sh", "stdout", "work\n") in lab.text
    assert ("env", "stdout", f"env 1 {done.report.run} .artifacts env.0.1.output\n") in lab.text


@pytest.mark.parametrize(
    ("command", "outputs", "message"),
    [
        ("true", {"n": INTEGER}, "output n is missing"),
        ("echo 'n=\"x\"' >> $RUNNER_OUTPUT", {"n": INTEGER}, 'output n: "x" is of type string'),
        ("echo 'm=1' >> $RUNNER_OUTPUT", {}, "output m is not declared"),
        ("echo 'n=1e999' >> $RUNNER_OUTPUT", {"n": OutputDecl(schema={})}, "output n: 1e999 cannot be kept"),
        ("head -c 1100000 /dev/zero > $RUNNER_OUTPUT", {}, "holds 1,100,000 bytes, allowed are 1,048,576"),
        ("true", {"d": OutputDecl(artifact="dist/*")}, "expected files matching dist/*"),
    ],
)
def test_wrong_outputs_fail_the_step_at_once(lab, make_step, command, outputs, message):
    done = lab.run(make_step("a", command, outputs=outputs))
    assert done.state == "failed"
    assert message in done.step("a")["message"]
    assert done.step("a")["error_class"] == "output"
    assert done.step("a")["attempt"] == 1


def test_the_last_words_of_a_failed_command_are_told(lab, make_step):
    done = lab.run(make_step("a", "echo out; echo 'no such thing' >&2; exit 7"), make_step("b", "echo only; exit 1"))
    assert done.step("a")["message"] == "exit code 7: no such thing"
    assert done.step("b")["message"] == "exit code 1: only"
    assert done.of("step.failed")[0].data["exit_code"] in (1, 7)
    assert done.of("step.failed")[0].data["log"]["bytes"] > 0


def test_a_line_that_fails_fails_the_step_and_the_next_line_does_not_run(lab, make_step):
    done = lab.run(make_step("a", "echo before\nfalse\necho after"))
    assert done.states == {"a": "failed"}
    assert "".join(text for _, _, text in lab.text) == "before\n"


def test_the_shell_counts_the_lines_of_the_spec(lab, make_step):
    lab.run(make_step("a", "echo fine\nno_such_program"))
    assert "line 2" in "".join(text for _, _, text in lab.text)
