"""Steps that run another workflow: runs below a run."""

from __future__ import annotations

import asyncio
import json

import pytest

from runner.compiler.plan.model import OutputDecl, Secret, SubWorkflow
from runner.errors import ProviderOffline, SpecError, UsageError
from runner.run.execute import execute
from runner.run.prepare import prepare
from runner.run.support import box_sandboxes, needs_boxes

PARENT = """
spec: 1
name: parent
inputs: {who: {type: string, default: you}}
steps:
  build: {workflow: sub/child.yaml, with: {name: '${{ inputs.who }}', times: 2}}
  use:
    run: |
      echo "${{ steps.build.outputs.said }}" ${{ steps.build.outputs.count }}
      cat ${{ steps.build.outputs.page }}/page.txt
"""
CHILD = """
spec: 1
name: child
inputs: {name: {type: string, minLength: 2}, times: {type: integer, maximum: 3, default: 1}}
steps:
  hello:
    run: |
      printf 'said="hello %s"\\n' ${{ inputs.name }} >> "$RUNNER_OUTPUT"
      echo page of ${{ inputs.name }} > page.txt
    outputs: {said: {type: string}, page: {artifact: page.txt}}
  late: {after: hello, run: 'test ${{ inputs.times }} -lt 4'}
outputs:
  said: {value: '${{ steps.hello.outputs.said }}'}
  count: {value: '${{ inputs.times }}'}
  page: {value: '${{ steps.hello.outputs.page }}'}
"""
FILES = {"sub/child.yaml": CHILD}


def runs(lab):
    return {record.data["name"]: record for record in asyncio.run(lab.store.runs())}


def below(lab, done):
    return asyncio.run(lab.below(done.report.run))


def test_a_run_of_its_own_whose_outputs_are_those_of_the_step(lab):
    done = lab.play(PARENT, files=FILES)
    assert done.state == "succeeded", done.report.document["message"]
    assert done.step("build")["outputs"] == {"said": "hello you", "count": 2}
    assert "".join(text for key, _, text in lab.text if key == "use") == "hello you 2\npage of you\n"
    child = below(lab, done)["build"]
    assert child.states == {"hello": "succeeded", "late": "succeeded"}
    assert child.report.document["inputs"] == {"name": "you", "times": 2}
    assert child.report.document["outputs"]["said"] == "hello you"


def test_both_sides_name_each_other(lab):
    done = lab.play(PARENT, files=FILES)
    child = below(lab, done)["build"]
    parent = {"run": done.report.run, "step": "build", "attempt": 1}
    assert child.report.document["parent"] == child.of("run.created")[0].data["parent"] == parent
    assert done.step("build")["child"] == child.report.run
    (told,) = done.of("step.delegated")
    assert told.data == {"run": child.report.run, "name": "child", "spec": "sub/child.yaml"}
    assert done.report.document["parent"] is None
    assert child.report.run != done.report.run


def test_what_was_checked_is_what_runs_also_when_the_file_has_changed_since(lab):
    (lab.folder / "sub").mkdir()
    (lab.folder / "sub" / "child.yaml").write_text("spec: 1\nname: other\nsteps: {}\n")
    assert lab.play(PARENT, files=FILES).state == "succeeded"


def test_files_are_relative_to_the_childs_own_spec(lab):
    (lab.folder / "sub").mkdir()
    (lab.folder / "sub" / "data.txt").write_text("from the child's folder")
    child = "spec: 1\nname: child\nsteps: {show: {run: cat in.txt, files: {in.txt: {from: data.txt}}}}\n"
    done = lab.play("spec: 1\nname: p\nsteps: {go: {workflow: sub/child.yaml}}\n", files={"sub/child.yaml": child})
    assert done.state == "succeeded", done.report.document["message"]
    assert ("go/show", "stdout", "from the child's folder") in lab.text


def test_output_comes_after_the_names_of_both_steps(lab):
    child = CHILD.replace("test ${{ inputs.times }} -lt 4", "echo here")
    lab.play(PARENT, files={"sub/child.yaml": child})
    assert ("build/late", "stdout", "here\n") in lab.text


def test_inputs_that_do_not_fit_fail_the_step_and_start_nothing(lab):
    done = lab.play(PARENT, {"who": "x"}, FILES)
    assert done.state == "failed"
    assert done.step("build")["error_class"] == "inputs"
    assert "name" in done.step("build")["message"]
    assert list(runs(lab)) == ["parent"]


def test_a_failed_child_fails_the_step_and_says_where_to_look(lab):
    done = lab.play(PARENT, files={"sub/child.yaml": CHILD.replace("-lt 4", "-gt 4")})
    child = below(lab, done)["build"]
    assert done.states == {"build": "failed", "use": "skipped"}
    assert child.state == "failed"
    (failed,) = done.of("step.failed")
    assert f"run {child.report.run} of child failed: late: exit code 1" in failed.data["message"]
    assert failed.data["hint"] == f"runner status {child.report.run}"
    assert failed.data["child"] == child.report.run
    assert failed.data["class"] == "exit"


def test_each_attempt_is_a_run_of_its_own(lab):
    text = PARENT.replace("times: 2}}", "times: 2}, retry: {attempts: 2, delay: 1s}}")
    done = lab.play(text, files={"sub/child.yaml": CHILD.replace("-lt 4", "-gt 4")})
    found = [record for record in asyncio.run(lab.store.runs()) if record.data["parent"]]
    assert sorted(record.data["parent"]["attempt"] for record in found) == [1, 2]
    assert done.step("build")["attempt"] == 2


def test_a_child_without_boxes_fails_as_one_that_had_none(lab):
    lab.providers["e2b"] = None
    plan = lab.planned(
        "spec: 1\nname: p\nsteps: {go: {workflow: c.yaml, retry: {attempts: 1}}}\n",
        None,
        {"c.yaml": "spec: 1\nname: c\nsteps: {a: {run: echo, retry: {attempts: 1}}}\n"},
    )

    class Offline:
        provider = "e2b"

        async def create(self, request):
            raise ProviderOffline("nothing answers")

    lab.providers["e2b"] = Offline()
    done = asyncio.run(lab.live(plan))
    assert done.step("go")["error_class"] == "provider"


def test_an_output_that_cannot_be_evaluated_fails_the_child(lab):
    child = CHILD.replace("count: {value: '${{ inputs.times }}'}", "count: {value: '${{ 1 / (inputs.times - 2) }}'}")
    done = lab.play(PARENT, files={"sub/child.yaml": child})
    assert done.state == "failed"
    assert "output count: the expression" in done.step("build")["message"]


def test_a_workflow_run_by_itself_has_its_outputs_too(lab):
    done = lab.play(CHILD, {"name": "me"})
    assert done.report.document["outputs"]["said"] == "hello me"
    told = done.of("run.succeeded")[0].data["outputs"]
    assert told["count"] == 1
    assert len(told["page"]["artifact"]) == 64


LONG = "spec: 1\nname: long\nsteps: {wait: {run: echo begun; sleep 60}}\nfinally: {run: echo cleaned}\n"


def test_a_stop_goes_down_and_the_childs_finally_runs(lab):
    def stop(event):
        if event.type == "step.started" and event.step == "wait":
            lab.control.stop("by the test")

    lab.on_event = stop
    done = lab.play("spec: 1\nname: p\nsteps: {go: {workflow: long.yaml}}\n", files={"long.yaml": LONG})
    child = below(lab, done)["go"]
    assert done.state == child.state == "cancelled"
    assert child.states == {"wait": "cancelled", "finally": "succeeded"}
    assert child.report.document["message"] == f"the step go of run {done.report.run} was stopped"


def test_stopping_twice_ends_the_childs_finally_too(lab):
    seen = []

    def stop(event):
        if event.type == "step.started" and event.step in ("wait", "finally"):
            seen.append(event.step)
            lab.control.stop("by the test")

    lab.on_event = stop
    text = LONG.replace("echo cleaned", "sleep 60")
    done = lab.play("spec: 1\nname: p\nsteps: {go: {workflow: long.yaml}}\n", files={"long.yaml": text})
    assert seen == ["wait", "finally"]
    assert below(lab, done)["go"].states == {"wait": "cancelled", "finally": "cancelled"}


def test_a_timeout_stops_the_child_and_fails_the_step(lab):
    done = lab.play(
        "spec: 1\nname: p\nsteps: {go: {workflow: long.yaml, timeout: 1s, retry: {attempts: 1}}}\n",
        files={"long.yaml": LONG},
    )
    child = below(lab, done)["go"]
    assert done.states == {"go": "failed"}
    assert child.state == "cancelled"
    assert child.states["finally"] == "succeeded"
    assert done.step("go")["error_class"] == "timeout"
    assert f"run {child.report.run} of long.yaml did not end within 1 seconds" in done.step("go")["message"]


def test_the_engine_may_be_cancelled_while_a_child_runs(lab):
    plan = lab.planned("spec: 1\nname: p\nsteps: {go: {workflow: long.yaml}}\n", None, {"long.yaml": LONG})

    async def main():
        begun = asyncio.Event()
        lab.on_event = lambda event: begun.set() if event.type == "step.started" and event.step == "wait" else None
        await lab.store.open()
        running = asyncio.ensure_future(execute(plan, lab.setup(), lab.control))
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return {record.data["name"]: record.data["state"] for record in await lab.store.runs()}

    assert asyncio.run(main()) == {"p": "cancelled", "long": "cancelled"}
    assert not lab.cloud.boxes


def test_one_slot_is_enough_for_runs_inside_runs(lab):
    lab.max_parallel = 1
    middle = "spec: 1\nname: middle\nsteps: {in: {workflow: sub/child.yaml, with: {name: you}}, next: {run: echo}}\n"
    text = "spec: 1\nname: top\nsteps: {a: {workflow: middle.yaml}, b: {run: echo}}\n"
    done = lab.play(text, files={"middle.yaml": middle, **FILES})
    assert done.state == "succeeded", done.report.document["message"]
    assert set(runs(lab)) == {"top", "middle", "child"}


def test_a_matrix_of_children_hands_lists_on(lab):
    text = """
spec: 1
name: p
steps:
  go: {matrix: {n: [1, 2]}, workflow: sub/child.yaml, with: {name: 'n${{ matrix.n }}', times: '${{ matrix.n }}'}}
  use: {run: echo "$ALL", env: {ALL: '${{ steps.go.outputs.said }}'}}
"""
    done = lab.play(text, files=FILES)
    assert done.state == "succeeded", done.report.document["message"]
    assert ("use", "stdout", '["hello n1","hello n2"]\n') in lab.text


def test_an_artifact_is_no_input(lab):
    text = """
spec: 1
name: p
steps:
  make: {run: echo x > x.txt, outputs: {file: {artifact: x.txt}}}
  go: {workflow: sub/child.yaml, with: {name: '${{ [steps.make.outputs.file][0] }}'}}
"""
    done = lab.play(text, files=FILES)  # named alone, it is told before the run: `with-value`
    assert done.states["go"] == "failed"
    assert "the input name of sub/child.yaml is an artifact" in done.step("go")["message"]


@pytest.mark.parametrize(
    "value", ["${{ steps.m.outputs.f }}", "${{ {'a': steps.m.outputs.f} }}", "x ${{ steps.m.outputs.f }}"]
)
def test_an_artifact_of_many_legs_is_no_output(lab, make_step, value):
    step = make_step("m", "echo x > x.txt", legs=1, outputs={"f": OutputDecl(artifact="x.txt")})
    done = lab.run(step, outputs={"all": value})
    assert done.state == "failed"
    assert "output all: an artifact can be handed on only by itself" in done.report.document["message"]


SECRET = """
spec: 1
name: child
secrets: {key: {env: CHILD_KEY}}
steps:
  a:
    env: {KEY: '${{ secrets.key }}'}
    run: echo "it is $KEY"; printf 'key="%s"\\n' "$KEY" >> "$RUNNER_OUTPUT"
    outputs: {key: {type: string}}
outputs: {key: {value: '${{ steps.a.outputs.key }}'}}
"""


def test_secrets_of_a_child_are_asked_for_before_anything_starts(lab):
    text = "spec: 1\nname: p\nsteps: {first: {run: echo}, go: {after: first, workflow: child.yaml}}\n"
    with pytest.raises(UsageError, match=r"p needs secrets that are not set: CHILD_KEY \(secret key\)"):
        lab.play(text, files={"child.yaml": SECRET})
    lab.environ = {"CHILD_KEY": "canary-of-a-child"}
    done = lab.play(text, files={"child.yaml": SECRET})
    assert done.state == "succeeded", done.report.document["message"]
    assert ("go/a", "stdout", "it is ***\n") in lab.text
    child = below(lab, done)["go"]
    left = json.dumps([done.report.document, done.report.steps, child.report.steps, child.report.document])
    left += json.dumps([event.to_json() for event in [*done.events, *child.events]])
    assert "canary" not in left


def test_a_child_may_be_skipped_and_may_fail_without_harm(lab):
    text = """
spec: 1
name: p
steps:
  no: {if: "run.name == 'x'", workflow: sub/child.yaml, with: {name: you}}
  bad: {workflow: bad.yaml, allow_failure: true, retry: {attempts: 1}}
  after: {after: bad, run: echo}
"""
    bad = "spec: 1\nname: bad\nsteps: {a: {run: exit 1, retry: {attempts: 1}}}\n"
    done = lab.play(text, files={**FILES, "bad.yaml": bad})
    assert done.state == "succeeded"
    assert done.states == {"no": "skipped", "bad": "failed", "after": "succeeded"}


def test_the_last_steps_may_run_workflows(lab):
    text = """
spec: 1
name: p
steps: {bad: {run: exit 1, retry: {attempts: 1}}}
on_failure: {workflow: sub/child.yaml, with: {name: failure}}
finally: {workflow: sub/child.yaml, with: {name: final}}
"""
    done = lab.play(text, files=FILES)
    assert done.states == {"bad": "failed", "on_failure": "succeeded", "finally": "succeeded"}
    assert set(below(lab, done)) == {"on_failure", "finally"}


def test_several_workflows_of_one_file(lab):
    text = """
spec: 1
name: first
steps: {go: {workflow: '#second', with: {name: you}}}
---
""" + CHILD.replace("name: child", "name: second")
    done = asyncio.run(lab.live(lab.planned(text, name="first")))
    assert done.state == "succeeded", done.report.document["message"]
    assert set(runs(lab)) == {"first", "second"}


def test_what_a_child_cannot_do_is_refused_before_anything_starts(lab):
    child = "spec: 1\nname: child\nsteps: {ask: {tool: {name: files.read}}}\n"
    with pytest.raises(SpecError, match="1 step of child cannot be executed yet"):
        lab.play("spec: 1\nname: p\nsteps: {go: {workflow: c.yaml}}\n", files={"c.yaml": child})


def test_a_stop_after_a_timeout_lets_the_childs_finally_end(lab):
    def stop(event):
        if event.type == "step.started" and event.step == "finally":
            lab.control.stop("by the test")

    lab.on_event = stop
    done = lab.play(
        "spec: 1\nname: p\nsteps: {go: {workflow: long.yaml, timeout: 1s}}\n",
        files={"long.yaml": LONG.replace("echo cleaned", "sleep 0.3")},
    )
    assert below(lab, done)["go"].states["finally"] == "succeeded"
    assert done.states == {"go": "cancelled"}


def test_nobody_needs_to_listen(lab):
    from dataclasses import replace

    plan = lab.planned(PARENT, files=FILES)

    async def main():
        await lab.store.open()
        return await execute(plan, replace(lab.setup(), on_text=None), lab.control)

    assert asyncio.run(main()).state == "succeeded"


def sub_workflow(path, text):
    return SubWorkflow(path, "", text, "0" * 64)


def test_a_workflow_in_a_plan_that_has_errors_is_refused(lab, make_step, new_plan):
    step = make_step("go", kind="workflow", action={"path": "c.yaml"}, sandbox=None)
    plan = new_plan(step, workflows={"c.yaml": sub_workflow("c.yaml", "spec: 1\nname: c\n")})
    with pytest.raises(SpecError, match=r"c\.yaml has errors"):
        prepare(plan, {})


def test_a_circle_in_a_plan_is_refused(make_step, new_plan):
    step = make_step("go", kind="workflow", action={"path": "a.yaml"}, sandbox=None)
    texts = {f"{a}.yaml": f"spec: 1\nname: {a}\nsteps: {{go: {{workflow: {b}.yaml}}}}\n" for a, b in ("ab", "ba")}
    plan = new_plan(step, workflows={path: sub_workflow(path, text) for path, text in texts.items()})
    with pytest.raises(SpecError, match=r"a\.yaml has errors"):
        prepare(plan, {})


def test_boxes_are_needed_where_any_of_the_runs_needs_one(lab, make_step, new_plan):
    plan = lab.planned(PARENT.partition("  use:")[0], files=FILES)
    assert box_sandboxes(plan) == []
    assert needs_boxes(plan, lab.children.values())
    assert not needs_boxes(plan, [])


def test_a_secret_that_is_handed_down_is_not_kept_in_the_plan_below(lab, make_step, new_plan):
    secrets = {"TOKEN": "canary-handed-down"}
    child = "spec: 1\nname: c\ninputs: {t: {type: string}}\nsteps: {a: {run: 'test ${{ inputs.t }} != none'}}\n"
    step = make_step(
        "go",
        kind="workflow",
        action={"path": "c.yaml", "with": {"t": "${{ secrets.token }}"}},
        sandbox=None,
        secrets=("token",),
    )
    plan = new_plan(step, workflows={"c.yaml": sub_workflow("c.yaml", child)}, secrets=(Secret("token", "TOKEN"),))
    lab.planned(CHILD, {"name": "me"})
    lab.secrets, lab.children = prepare(plan, secrets)
    done = asyncio.run(lab.live(plan))
    assert done.state == "succeeded", done.report.document["message"]
    kept = [path.read_text() for path in (lab.folder / "state" / "runs").glob("*/plan.json")]
    assert len(kept) == 2
    assert not any("canary" in text for text in kept)


def test_a_spec_without_its_files_is_refused(make_step, new_plan):
    step = make_step("go", kind="workflow", action={"path": "c.yaml"}, sandbox=None)
    with pytest.raises(SpecError, match=r"the step go runs c\.yaml, and only the spec itself was given"):
        prepare(new_plan(step), {})


def test_runs_below_one_run_are_as_many_at_once_as_legs(lab):
    lab.max_parallel = 2
    live, most = set(), 0

    def count(event):
        nonlocal most
        if event.type == "run.started" and event.run not in live:
            live.add(event.run)
        if event.type == "run.succeeded":
            live.discard(event.run)
        most = max(most, len(live))

    lab.on_event = count
    child = "spec: 1\nname: c\nsteps: {a: {run: echo}, b: {after: a, run: echo}}\n"
    text = "spec: 1\nname: p\nsteps: {go: {for_each: {items: '${{ range(6) }}'}, workflow: c.yaml}}\n"
    assert lab.play(text, files={"c.yaml": child}).state == "succeeded"
    assert most == 3
