"""Attempts, delays and error classes in whole runs, with a clock that tests own."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from runner.compiler.plan.choose import Fact
from runner.compiler.plan.model import Candidate, OutputDecl, Repeat, Retry, SandboxPlan
from runner.errors import BoxGone, NoCapacity, QuotaExhausted, RequestRefused, SandboxMissing
from runner.run.clock import SystemClock
from runner.run.supply import LEASE

COUNT = "echo x >> tries; [ $(wc -l < tries) -ge 3 ]"


def test_a_flaky_step_succeeds_after_exact_delays(lab, make_step):
    done = lab.run(make_step("a", COUNT, retry=Retry(attempts=5, delay=2, jitter=0.5)))
    assert done.state == "succeeded"
    assert lab.clock.slept == [2.0, 4.0]
    assert [event.data["delay"] for event in done.of("step.retrying")] == [2.0, 4.0]
    assert done.types("a") == [
        "step.ready",
        "step.started",
        "step.retrying",
        "step.started",
        "step.retrying",
        "step.started",
        "step.succeeded",
    ]
    assert [event.attempt for event in done.events if event.step == "a"] == [None, 1, 1, 2, 2, 3, 3]


def test_jitter_comes_from_the_clock(lab, make_step):
    lab.clock.chances = [0.0, 0.0, 0.75]
    lab.run(make_step("a", COUNT, retry=Retry(attempts=5, delay=4, jitter=0.5)))
    assert lab.clock.slept == [2.0, 10.0]


def test_attempts_are_bounded_and_classes_are_chosen(lab, make_step):
    done = lab.run(
        make_step("a", "exit 1", retry=Retry(attempts=3, backoff="none")),
        make_step("b", "exit 1", retry=Retry(attempts=3, on=("timeout",))),
        make_step("slow", "sleep 30", timeout=0.1, retry=Retry(attempts=2, on=("timeout",))),
    )
    attempts = {key: document["attempt"] for key, document in done.report.steps.items()}
    assert attempts == {"a": 3, "b": 1, "slow": 2}
    assert done.step("slow")["error_class"] == "timeout"


def test_a_slot_is_free_while_a_step_waits_for_its_next_attempt(lab, make_step):
    lab.max_parallel = 1
    done = lab.run(make_step("a", COUNT, retry=Retry(attempts=5, delay=9)), make_step("b"))
    started = [event.step for event in done.of("step.started")]
    assert started.index("b") < len(started) - 1
    assert done.state == "succeeded"


def two(lab, *faults):
    fake = lab.fake
    first = type(fake)(lab.cloud, "first", faults)
    second = type(fake)(lab.cloud, "second")
    lab.providers = {"first": first, "second": second}
    return first, second


def test_a_provider_that_fails_is_replaced_by_the_next(lab, make_step, two_providers):
    two(lab, QuotaExhausted("too many boxes"))
    done = lab.run(make_step("a"), make_step("b", after=("a",)), sandboxes={"default": two_providers()})
    assert done.state == "succeeded"
    fallback = done.of("sandbox.fallback")
    assert [event.data for event in fallback] == [
        {
            "sandbox": "default",
            "from": "first",
            "to": "second",
            "reason": "too many boxes",
            "error": "QuotaExhausted",
            "class": "quota",
            "switch_ms": 0.0,
        }
    ]
    assert fallback[0].step == "a"
    assert {document["provider"] for document in done.report.steps.values()} == {"second"}
    assert len(done.of("sandbox.chosen")) == 1


def test_when_every_provider_failed_the_attempt_is_repeated_from_the_first(lab, make_step, two_providers):
    _first, second = two(lab, NoCapacity("full"))
    second._faults = [NoCapacity("full too")]
    done = lab.run(make_step("a", retry=Retry(attempts=2)), sandboxes={"default": two_providers()})
    assert done.state == "succeeded"
    assert done.step("a")["provider"] == "first"
    assert done.of("step.retrying")[0].data["class"] == "provider"
    assert len(done.of("sandbox.chosen")) == 1


def test_without_retries_a_provider_error_fails_the_step(lab, make_step, two_providers):
    _first, second = two(lab, NoCapacity("full"))
    second._faults = [NoCapacity("full too")]
    done = lab.run(make_step("a"), sandboxes={"default": two_providers()})
    assert done.step("a")["error_class"] == "provider"
    assert done.step("a")["message"] == "full too"


def test_a_request_that_is_refused_is_not_repeated(lab, make_step):
    lab.fake._faults = [RequestRefused("timeout above the plan")]
    done = lab.run(make_step("a", retry=Retry(attempts=3)))
    assert done.step("a")["error_class"] == "box"
    assert done.step("a")["attempt"] == 1


def test_two_legs_whose_provider_fails_at_once_fall_back_once(lab, make_step, two_providers):
    two(lab, NoCapacity("full"), NoCapacity("full"))
    sandbox = replace(two_providers(), scope="step")
    done = lab.run(make_step("m", legs=2), sandboxes={"default": sandbox})
    assert done.state == "succeeded"
    assert len(done.of("sandbox.fallback")) == 1


def test_facts_of_now_refuse_a_candidate(lab, make_step):
    sandbox = SandboxPlan(
        "default",
        {"runtime": "node"},
        candidates=(Candidate("webcontainer", True, "fits"), Candidate("fake", True, "for tests")),
    )
    lab.facts = {"webcontainer": Fact(False, "it is not part of this build")}
    done = lab.run(make_step("a"), sandboxes={"default": sandbox})
    chosen = done.of("sandbox.chosen")[0].data
    assert chosen["provider"] == "fake"
    assert [each["accepted"] for each in chosen["candidates"]] == [False, True]
    assert "it is not part of this build" in chosen["candidates"][0]["reason"]


def test_a_sandbox_that_nobody_can_serve_is_refused_before_anything_is_written(lab, make_step):
    sandbox = SandboxPlan("default", candidates=(Candidate("e2b", False, "no desktop"), Candidate("gone", True, "")))
    with pytest.raises(SandboxMissing, match=r"no provider can serve now .*\n  default: e2b: no desktop"):
        lab.run(make_step("a"), sandboxes={"default": sandbox})
    assert not (lab.folder / "state").exists()


def dying(lab, times):
    """Boxes of which the first ones die while a command runs in them."""
    create = lab.fake.create
    left = [times]

    async def make(request):
        box = await create(request)
        if left[0] > 0:
            left[0] -= 1
            run = box.run

            async def die(command, on_output=None):
                if "die" in command.text:
                    await box.kill()
                    raise BoxGone("the box ran past its time")
                return await run(command, on_output)

            box.run = die
        return box

    lab.fake.create = make


@pytest.mark.parametrize("scope", ["run", "step"])
def test_a_box_that_dies_before_anything_succeeded_in_it_is_replaced(lab, make_step, scope):
    dying(lab, 1)
    sandbox = SandboxPlan("default", scope=scope, candidates=(Candidate("fake", True, ""),))
    done = lab.run(make_step("a", ": die", retry=Retry(attempts=2)), sandboxes={"default": sandbox})
    assert done.state == "succeeded"
    assert len(done.of("box.created")) == 2
    assert next(event.data.get("reason") for event in done.of("box.killed")) == "gone: the box ran past its time"


def test_files_of_others_that_died_with_a_shared_box_are_not_papered_over(lab, make_step):
    dying(lab, 1)
    done = lab.run(
        make_step("a"),
        make_step("b", ": die", after=("a",), retry=Retry(attempts=5)),
        make_step("late", after=("b",), condition="true", condition_guards_failure=True),
    )
    assert done.states == {"a": "succeeded", "b": "failed", "late": "failed"}
    assert done.step("b")["error_class"] == "box_gone"
    assert done.step("b")["attempt"] == 1
    assert "the files that a left in it are lost" in done.step("b")["message"]
    assert "the files that a left in it are lost" in done.step("late")["message"]


def test_two_legs_in_a_box_that_dies_share_the_next_one(lab, make_step):
    dying(lab, 1)
    done = lab.run(make_step("m", ": die", legs=2, retry=Retry(attempts=2)))
    assert done.state == "succeeded"
    assert len(done.of("box.created")) == 2


def test_a_box_has_a_short_lease_that_is_renewed(lab, make_step):
    extended = []
    create = lab.fake.create

    async def make(request):
        box = await create(request)
        keep = box.set_timeout

        async def extend(seconds):
            extended.append(seconds)
            await keep(seconds)

        box.set_timeout = extend
        return box

    lab.fake.create = make
    done = lab.run(
        make_step("a", timeout=100),
        make_step("flaky", COUNT, timeout=1000, after=("a",), retry=Retry(attempts=5, delay=500, max_delay=500)),
        finally_=make_step("finally", timeout=10),
    )
    assert done.state == "succeeded"
    assert lab.fake.requests[0].timeout == LEASE
    labels = dict(lab.fake.requests[0].labels)
    assert json.loads(labels.pop("owner"))["pid"] == os.getpid()
    assert labels == {"runner": "1", "run": done.report.run, "sandbox": "default"}
    assert extended == [LEASE, LEASE]


def test_a_box_is_extended_when_the_clock_was_put_back(lab, make_step, monkeypatch):
    extended = []

    async def extend(box, seconds):
        extended.append(seconds)

    monkeypatch.setattr("runner.sandbox.fake.FakeBox.set_timeout", extend)

    def put_back(event):
        lab.clock.time -= 3600 if event.type == "box.created" else 0

    lab.on_event = put_back
    done = lab.run(make_step("a"), make_step("b", after=("a",)), make_step("c", after=("b",)))
    assert done.state == "succeeded"
    assert len(extended) == 1


def test_a_box_that_is_dead_when_it_should_be_extended_is_replaced(lab, make_step):
    create = lab.fake.create

    async def make(request):
        box = await create(request)

        async def refuse(seconds):
            await box.kill()
            raise BoxGone("not found")

        if len(lab.fake.requests) == 1:
            box.set_timeout = refuse
        return box

    lab.fake.create = make
    done = lab.run(make_step("a", COUNT, retry=Retry(attempts=5, delay=500, max_delay=500)))
    assert done.step("a")["state"] == "succeeded"
    assert len(done.of("box.created")) == 2


def test_a_step_that_is_not_idempotent_is_not_tried_again_after_it_was_cut_off(lab, make_step):
    done = lab.run(
        make_step("cut", "sleep 60", timeout=0.2, idempotent=False, retry=Retry(attempts=3, delay=0)),
        make_step("ended", "exit 1", idempotent=False, retry=Retry(attempts=2, delay=0), sandbox="other"),
    )
    assert done.step("cut")["attempt"] == 1
    assert done.step("cut")["message"].endswith(
        "it is not tried again: the step is not idempotent, and nobody knows how far it came"
    )
    assert done.step("cut")["error_class"] == "timeout"
    assert done.step("ended")["attempt"] == 2


def test_a_step_that_is_not_idempotent_and_had_not_begun_is_tried_again(lab, make_step):
    create, calls = lab.fake.create, []

    async def fail_once(request):
        calls.append(request)
        if len(calls) == 1:
            raise NoCapacity("full")
        return await create(request)

    lab.fake.create = fail_once
    done = lab.run(make_step("a", idempotent=False, retry=Retry(attempts=2, delay=0)))
    assert done.states == {"a": "succeeded"}
    assert done.step("a")["attempt"] == 2


def test_a_shared_box_outlives_a_long_wait(lab, make_step, monkeypatch):
    monkeypatch.setattr("runner.run.supply.LEASE", 0.6)
    lab.clock = SystemClock()
    create, extended = lab.fake.create, []

    async def make(request):
        box = await create(request)
        keep = box.set_timeout

        async def extend(seconds):
            extended.append(seconds)
            if len(extended) == 2:
                raise RequestRefused("longer than a session may be")
            await keep(seconds * 50)

        box.set_timeout = extend
        return box

    lab.fake.create = make
    wait = Repeat("outputs.n >= 2", 2, delay=1.0)
    count = "echo x >> n; echo n=$(wc -l < n) >> $RUNNER_OUTPUT"
    outputs = {"n": OutputDecl(schema={"type": "integer"})}
    done = lab.run(make_step("a", count, timeout=5, repeat=wait, outputs=outputs))
    assert done.state == "succeeded", done.report.document["message"]
    assert len(extended) >= 3
    assert set(extended) == {1.0}, "a second is the shortest lease"
