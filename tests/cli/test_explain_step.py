"""`runner explain RUN STEP`: why a step was run or not, told from runs of real plans in boxes that are not real."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from runner.compiler.compile import compile_plan
from runner.errors import UsageError
from runner.run.clock import SystemClock
from runner.run.event import EventDraft
from runner.run.execute import Setup, execute
from runner.run.interrupt import Control
from runner.run.kept import load
from runner.run.local import LocalEngine
from runner.run.ports import Change
from runner.run.rerun import Choice, Rerun
from runner.sandbox.fake import FakeCloud, FakeSandbox

HEAD = "spec: 1\nname: it\nsandboxes: {own: {needs: {runtime: shell}, scope: step}}\n"


@pytest.fixture
def world(empty):
    """Runs of specs in the folder of `empty`, and what is told of their steps."""
    cloud = FakeCloud()

    class World:
        def run(self, text, again=None, **inputs):
            return asyncio.run(self._run(text, again, inputs))

        async def _run(self, text, again, inputs):
            made = compile_plan((HEAD + text).encode(), "it.yaml", inputs)
            assert made.plan is not None, [each.message for each in made.diagnostics]
            setup = Setup(
                store=empty.store, engine=LocalEngine(), providers={"e2b": FakeSandbox(cloud, provider="e2b")},
                clock=SystemClock(), state=empty.state, spec=empty.state,
            )  # fmt: skip
            await empty.store.open()
            if again is not None:
                prior, _ = Rerun(made.plan, await load(empty.store, again), empty.state).prepare(Choice("failed"))
                setup = replace(setup, prior=prior)
            return (await execute(made.plan, setup, Control())).run

        def told(self, run, step):
            result = empty.runner("explain", run, step)
            assert result.exit_code == 0, result.exception
            return result.stdout

        def json(self, run, step):
            return json.loads(empty.runner("explain", run, step, "--json").stdout)

    yield World()
    cloud.free_all()


CACHED = """
inputs: {who: {type: string, default: you}}
steps:
  greet:
    sandbox: own
    env: {WHO: "${{ inputs.who }}"}
    run: 'echo "said=\\"hello $WHO\\"" >> "$RUNNER_OUTPUT"'
    outputs: {said: {type: string}}
    cache: {key: "greet-${{ size(inputs.who) }}"}
"""


def test_a_cache_key_is_told_with_what_changed_in_it(world):
    first = world.run(CACHED)
    second = world.run(CACHED, who="her")
    third = world.run(CACHED, who="her")

    told = world.told(first, "greet")
    assert "key `greet-${{ size(inputs.who) }}` = greet-3" in told
    assert "miss: no earlier run has a result for this key" in told
    assert "no run before this one had a key of this step" in told
    told = world.told(second, "greet")
    assert f'other than in run {first}:\n    reads.env.WHO: "you" → "her"' in told
    assert "kept for later runs" in told
    told = world.told(third, "greet")
    assert f"hit: the outputs are those of greet of run {second}" in told
    assert f"the same as in run {second}" in told
    assert world.json(third, "greet")["cache"]["hit"] is True


def test_a_key_of_an_earlier_version_is_compared_as_a_whole(world, empty):
    old = {"key": "greet-3", "digest": "d", "does": "1", "reads": "2", "reason": "none", "workflow": "it"}
    document = {"id": "r0", "name": "it", "state": "succeeded", "created_at": "2020-01-01T00:00:00.000000Z"}
    events = [EventDraft("step.missed", "2020-01-01T00:00:00.000000Z", "greet", 1, old)]
    asyncio.run(empty.commit("r0", [Change("run", "r0", 0, document)], events))
    changed = world.json(world.run(CACHED), "greet")["cache"]["compared"]["changed"]
    assert [each["part"] for each in changed] == ["does", "reads"]


def test_attempts_conditions_and_boxes(world):
    run = world.run("""
steps:
  first: {sandbox: own, run: exit 3, allow_failure: true}
  again:
    sandbox: own
    if: steps.first.state == 'failed'
    run: test $RUNNER_ATTEMPT -gt 1
    retry: {attempts: 2, delay: 1ms}
  never: {sandbox: own, after: [again], if: "steps.again.state == 'skipped'", run: echo no}
  after: {sandbox: own, after: [never], run: echo no}
""")
    told = world.told(run, "again")
    assert "  first: failed\n" in told
    assert "condition `steps.first.state == 'failed'`: true; it alone decides, also after a failure" in told
    assert "exit code 1 (exit); again after 0.0 s" in told
    assert "  e2b: E2B gives shell" in told
    assert "  webcontainer: no: " in told
    assert [each["ended"] for each in world.json(run, "again")["attempts"]] == ["failed", "succeeded"]

    assert "condition `steps.again.state == 'skipped'`: false" in world.told(run, "never")
    told = world.told(run, "after")
    assert "was skipped: never was skipped" in told
    assert "attempts" not in told


def test_what_was_taken_over(world):
    text = "steps: {a: {sandbox: own, run: echo one}, b: {sandbox: own, after: [a], run: exit 1}}"
    first = world.run(text)
    second = world.run(text, again=first)
    assert f"it did not run here: its end was taken over from a of run {first}" in world.told(second, "a")
    assert f"the run makes run {first} again (failed)" in world.told(second, "b")


def test_a_run_without_its_plan_tells_what_the_journal_tells(world, empty):
    run = world.run("steps: {a: {sandbox: own, run: echo one}, b: {sandbox: own, after: [a], run: exit 1}}")
    (empty.state / "runs" / run / "plan.json").unlink()
    told = world.told(run, "b")
    assert "failed after" in told
    assert "before it" not in told


def test_steps_and_runs_that_there_are_not(world, empty):
    run = world.run(
        "steps: {build: {sandbox: own, run: echo one}, many: {sandbox: own, matrix: {n: [1, 2]}, run: 'true'}}"
    )
    for words, message, hint in (
        ((run, "biuld"), "has no step 'biuld'", "Did you mean build?"),
        ((run, "many"), "many has 2 legs", "Name one of them"),
        (("2000", "build"), "no run '2000'", "runner status"),
    ):
        error = empty.runner("explain", *words).exception
        assert isinstance(error, UsageError)
        assert message in error.message
        assert hint in error.hint
