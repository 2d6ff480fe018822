"""Policies: what is done when a provider fails, when something happens, when a condition holds."""

from __future__ import annotations

import asyncio

import pytest

from runner.compiler.plan.choose import Account, Fact
from runner.errors import (
    BoxGone,
    CredentialRefused,
    NoCapacity,
    ProviderBlocked,
    ProviderOffline,
    QuotaExhausted,
    RateLimited,
)

SPEC = """
spec: 1
name: lab
sandboxes: {{py: {{needs: {{runtime: python}}, prefer: [e2b]{scope}}}}}
policies: {policies}
defaults: {{timeout: 60s}}
steps:
  a: {{sandbox: py, run: "{a}"{more}}}
  b: {{sandbox: py, after: [a], run: cat kept || echo none}}
"""


def spec(policies, a="echo kept > kept", more="", scope=""):
    return SPEC.format(policies=policies, a=a, more=more, scope=scope)


@pytest.fixture
def two(lab):
    """The endpoint `e2b` and, when it fails, `e2b@embedded`."""

    def make(*faults):
        kind = type(lab.fake)
        lab.providers = {"e2b": kind(lab.cloud, "e2b", faults), "e2b@embedded": kind(lab.cloud, "e2b@embedded")}
        lab.facts = {"e2b": Fact(True, "there"), "e2b@embedded": Fact(True, "here", free=True)}
        return lab

    return make


def play(lab, text):
    return asyncio.run(asyncio.wait_for(lab.live(lab.planned(text)), 30))


def limited(seconds):
    error = RateLimited("slow down")
    error.retry_after = seconds
    return error


@pytest.mark.parametrize(
    ("error", "class_"),
    [
        (QuotaExhausted("x"), "quota"),
        (ProviderBlocked("x"), "blocked"),
        (CredentialRefused("x"), "auth"),
        (NoCapacity("x"), "capacity"),
        (ProviderOffline("x"), "offline"),
    ],
)
def test_without_a_policy_another_endpoint_takes_over_and_it_is_told(two, error, class_):
    done = play(two(error), spec("[{id: other, on: run.failed, do: notify}]"))
    assert done.state == "succeeded"
    assert done.step("a")["provider"] == "e2b@embedded"
    (event,) = done.of("sandbox.fallback")
    assert (event.data["from"], event.data["to"], event.data["class"]) == ("e2b", "e2b@embedded", class_)
    assert event.data["switch_ms"] >= 0
    candidates = done.of("sandbox.chosen")[0].data["candidates"]
    assert [each["provider"] for each in candidates if each["accepted"]] == ["e2b", "e2b@embedded"]
    assert done.of("policy.applied") == []


def test_a_switch_that_leads_to_another_failure_is_told_without_its_time(two):
    lab = two(NoCapacity("full"))
    lab.providers["e2b@embedded"]._faults = [NoCapacity("full too")]
    done = play(lab, spec("[{id: other, on: run.failed, do: notify}]"))
    (event,) = done.of("sandbox.fallback")
    assert "switch_ms" not in event.data
    assert done.step("a")["message"] == "full too"
    assert [each.data["policy"] for each in done.of("policy.applied")] == ["other"]


def test_fallback_by_policy_says_whereto(two):
    done = play(two(limited(7.0)), spec("[{id: quota, on: sandbox.quota, do: fallback}]"))
    assert done.state == "succeeded"
    (applied,) = done.of("policy.applied")
    assert applied.step == "a"
    assert applied.data == {
        "policy": "quota",
        "on": "sandbox.quota",
        "do": "fallback",
        "message": "slow down",
        "to": "e2b@embedded",
    }
    assert done.of("sandbox.fallback")[0].data["retry_after"] == 7.0


def test_wait_honours_what_the_provider_says_and_tries_the_same_one_again(two):
    policies = "[{id: patience, on: sandbox.quota, do: wait, with: {max: 10s}}]"
    lab = two(limited(3.0), QuotaExhausted("full"), QuotaExhausted("full"))
    done = play(lab, spec(policies))
    assert done.state == "succeeded"
    assert done.step("a")["provider"] == "e2b"
    assert [event.data["delay"] for event in done.of("policy.applied")] == [3.0, 1.0, 2.0]
    assert {"slow down", "full"} < {event.data["reason"] for event in done.of("step.waiting")}, "the pace is told too"
    assert done.of("sandbox.fallback") == []


def test_when_waiting_is_over_the_next_policy_is_asked(two):
    policies = "[{id: w, on: sandbox.capacity, do: wait, with: {max: 1s}}, {id: f, on: sandbox.capacity, do: fallback}]"
    done = play(two(*(NoCapacity("full") for _ in range(3))), spec(policies))
    assert done.step("a")["provider"] == "e2b@embedded"
    assert [event.data["policy"] for event in done.of("policy.applied")] == ["w", "w", "f"]


def test_wait_without_a_limit_waits_as_long_as_the_step_may_run(lab):
    lab.providers["e2b"] = type(lab.fake)(lab.cloud, "e2b", [NoCapacity("full") for _ in range(99)])
    done = play(lab, spec("[{id: w, on: sandbox.capacity, do: wait}]"))
    assert done.state == "failed"
    assert done.step("a")["error_class"] == "provider"
    assert sum(event.data["delay"] for event in done.of("policy.applied")) == 60.0


def test_fallback_without_another_candidate_is_the_failure_itself(lab):
    lab.providers["e2b"] = type(lab.fake)(lab.cloud, "e2b", [NoCapacity("full")])
    done = play(lab, spec("[{id: f, on: sandbox.capacity, do: fallback}]"))
    assert done.step("a")["message"] == "full"
    assert done.of("policy.applied") == []


def test_fail_ends_the_run_at_once(two):
    done = play(two(ProviderBlocked("credits used up")), spec("[{id: f, on: sandbox.blocked, do: fail}]"))
    assert done.state == "failed"
    assert done.report.document["message"] == "policy f: credits used up"
    assert done.states == {"a": "failed", "b": "cancelled"}
    assert done.step("a")["error_class"] == "provider"


def test_fail_counts_more_than_retries(two):
    lab = two(ProviderBlocked("credits used up"))
    more = ", retry: {attempts: 3, delay: 1s}"
    done = play(lab, spec("[{id: f, on: sandbox.blocked, do: fail}]", more=more))
    assert done.states == {"a": "failed", "b": "cancelled"}
    assert done.step("a")["attempt"] == 1


def test_cancel_stops_the_run(two):
    done = play(two(ProviderBlocked("credits used up")), spec("[{id: c, on: sandbox.blocked, do: cancel}]"))
    assert done.state == "cancelled"
    assert done.states == {"a": "cancelled", "b": "cancelled"}


def test_notify_tells_and_the_next_policy_acts(two):
    policies = "[{id: n, on: sandbox.auth, do: notify}, {id: f, on: sandbox.auth, do: fallback}]"
    done = play(two(CredentialRefused("revoked")), spec(policies))
    assert done.state == "succeeded"
    assert [event.data["do"] for event in done.of("policy.applied")] == ["notify", "fallback"]


# ---------------------------------------------------------------- in the middle of a command


def breaking(lab, *errors):
    """The first commands whose text has `die` in it raise these errors after they have printed something."""
    create, left = lab.providers["e2b"].create, list(errors)

    async def make(request):
        box = await create(request)
        run = box.run

        async def broken(command, on_output=None):
            if "die" in command.text and left:
                on_output("stdout", "printed before\n")
                error = left.pop(0)
                if isinstance(error, BoxGone):
                    await box.kill()
                raise error
            return await run(command, on_output)

        box.run = broken
        return box

    lab.providers["e2b"].create = make
    return lab


@pytest.mark.parametrize("error", [ProviderOffline("no answer"), BoxGone("its time was over")])
def test_an_attempt_that_was_broken_off_is_made_again_elsewhere_by_policy(two, error):
    policies = "[{id: o, on: sandbox.offline, do: fallback}, {id: g, on: sandbox.gone, do: fallback}]"
    lab = breaking(two(), error)
    done = play(lab, spec(policies, a=": die; echo kept > kept"))
    assert done.state == "succeeded"
    assert done.step("a")["provider"] == "e2b@embedded"
    assert done.step("a")["attempt"] == 2
    assert done.of("step.retrying")[0].data["delay"] == 0.0
    assert ("a", "stdout", "printed before\n") in lab.text
    moved = done.of("box.moved")
    assert bool(moved) == isinstance(error, ProviderOffline), "a box that is gone has nothing to carry"


def test_a_step_that_is_not_idempotent_is_not_made_again_by_policy(two):
    policies = "[{id: o, on: sandbox.offline, do: fallback}]"
    done = play(breaking(two(), ProviderOffline("no answer")), spec(policies, a=": die", more=", idempotent: false"))
    assert done.step("a")["state"] == "failed"
    assert done.of("policy.applied") == []


def test_without_a_policy_retries_decide_and_the_next_endpoint_takes_over(two):
    lab = breaking(two(), ProviderOffline("no answer"))
    text = spec("[{id: x, on: run.failed, do: notify}]", a=": die", more=", retry: {attempts: 2, delay: 1s}")
    done = play(lab, text)
    assert done.state == "succeeded"
    assert done.step("a")["provider"] == "e2b@embedded"


def test_by_policy_a_broken_attempt_can_fail_the_run(two):
    lab = breaking(two(), ProviderOffline("no answer"))
    done = play(lab, spec("[{id: f, on: sandbox.offline, do: fail}]", a=": die"))
    assert done.state == "failed"
    assert done.states == {"a": "failed", "b": "cancelled"}
    assert done.report.document["message"] == "policy f: no answer"


def test_files_are_carried_when_the_provider_refuses_to_go_on(two):
    lab = two()
    create = lab.providers["e2b"].create

    async def make(request):
        box = await create(request)

        async def refuse(_seconds):
            raise CredentialRefused("the key was revoked")

        box.set_timeout, run = refuse, box.run

        async def slow(command, on_output=None):
            lab.clock.time += 600
            return await run(command, on_output)

        box.run = slow
        return box

    lab.providers["e2b"].create = make
    more = ", retry: {attempts: 2, delay: 1s}"
    text = spec("[{id: f, on: sandbox.auth, do: fallback}]", a="echo of-a > kept")
    text = text.replace("|| echo none}", f"|| echo none{more}}}")
    done = play(lab, text)
    assert done.state == "succeeded"
    assert ("b", "stdout", "of-a\n") in lab.text
    assert done.step("b")["provider"] == "e2b@embedded"
    (moved,) = done.of("box.moved")
    assert moved.data["bytes"] > 0
    assert moved.data["reason"] == "the key was revoked"


# ---------------------------------------------------------------- events and conditions


def test_a_policy_on_an_event_acts_after_it(lab):
    done = play(lab, spec("[{id: n, on: step.succeeded, do: notify}, {id: c, on: step.succeeded, do: cancel}]"))
    assert done.state in ("cancelled", "succeeded")
    first = done.of("policy.applied")[0]
    assert (first.data["policy"], first.data["message"], first.step) == ("n", "step.succeeded of a", "a")


def test_a_condition_acts_once_when_it_holds(lab):
    policies = "[{id: s, when: \"steps.a.state == 'succeeded' && run.seconds >= 0.0\", do: notify}]"
    done = play(lab, spec(policies))
    (applied,) = done.of("policy.applied")
    assert applied.data["when"].startswith("steps.a.state")
    assert applied.data["message"].endswith("holds")


def test_a_condition_about_the_cost_is_looked_at_while_nothing_happens(lab, monkeypatch):
    monkeypatch.setattr("runner.run.policies.TICK", 0.02)
    plan = lab.planned(spec("[{id: dear, when: run.cost.usd > 0.002, do: fail}]", a="sleep 20"))

    async def main():
        running = asyncio.ensure_future(lab.live(plan))
        await asyncio.sleep(0.3)
        lab.clock.time += 600  # within the life of a box
        return await asyncio.wait_for(running, 15)

    done = asyncio.run(main())
    assert done.state == "failed"
    assert done.report.document["message"] == "policy dear: `run.cost.usd > 0.002` holds"
    assert done.states == {"a": "cancelled", "b": "cancelled"}


def test_a_condition_that_is_always_true_is_heeded(lab):
    done = play(lab, spec("[{id: t, when: true, do: notify}]"))
    assert done.of("policy.applied")[0].data["when"] == "true"


# ---------------------------------------------------------------- pause


def test_pause_lets_what_had_begun_end_and_begins_nothing_new(lab):
    text = spec("[{id: p, on: box.created, do: pause}]", a="sleep 0.1; echo kept > kept")
    done = play(lab, text)
    assert done.state == "paused"
    assert done.states["b"] == "pending"
    assert done.report.document["message"].startswith("policy p: box.created")
    assert done.of("run.paused")[0].data["steps"]["pending"] == 1
    (saved,) = [box.data for box in asyncio.run(lab.store.all(done.report.run, "box"))]
    assert saved["state"] == "killed"
    assert saved["copy"]["bytes"] > 0


def test_pause_for_want_of_a_box_leaves_the_step_paused_and_nothing_is_lost(two):
    done = play(two(ProviderBlocked("credits used up")), spec("[{id: p, on: sandbox.blocked, do: pause}]"))
    assert done.state == "paused"
    assert done.states == {"a": "paused", "b": "pending"}
    assert done.of("step.paused")[0].data["reason"] == "policy p: credits used up"
    assert done.of("finally") == []


def test_pause_ends_waiting_for_a_box(lab):
    lab.facts = {"e2b": Fact(True, "there", account=Account(boxes=1))}
    text = """
spec: 1
name: lab
sandboxes: {py: {needs: {runtime: python}, prefer: [e2b], scope: step}}
policies: [{id: p, on: step.waiting, do: pause}]
steps:
  m: {sandbox: py, matrix: {n: [1, 2]}, run: sleep 0.3}
"""
    done = play(lab, text)
    assert done.state == "paused"
    assert sorted(done.states.values()) == ["paused", "succeeded"]


def test_pause_holds_back_retries_repetitions_and_groups(lab):
    text = """
spec: 1
name: lab
policies: [{id: p, on: step.retrying, do: pause}]
steps:
  a: {run: "exit 1", retry: {attempts: 2, delay: 1s}}
  b: {after: [a], for_each: {items: [1, 2], as: n}, run: "true"}
finally: {run: echo never}
"""
    lab.clock.sleep = asyncio.sleep
    done = play(lab, text)
    assert done.state == "paused"
    assert done.states == {"a": "ready", "b": "pending", "finally": "pending"}


def test_a_stop_counts_more_than_a_pause(lab):
    def stop(event):
        if event.type == "policy.applied":
            lab.control.stop("stopped by Ctrl-C")

    lab.on_event = stop
    done = play(lab, spec("[{id: p, on: step.started, do: pause}]", a="sleep 5"))
    assert done.state == "cancelled"
    assert done.states == {"a": "cancelled", "b": "cancelled"}


def test_a_pause_when_everything_has_ended_changes_nothing(lab):
    def pause(event):
        if (event.type, event.step) == ("step.succeeded", "b"):
            lab.control.pause("too late")

    lab.on_event = pause
    done = play(lab, spec("[{id: x, on: run.failed, do: notify}]"))
    assert done.state == "succeeded"


def test_the_legs_of_a_fan_out_that_is_paused_stay_open(lab):
    text = """
spec: 1
name: lab
policies: [{id: p, on: "step.succeeded", do: pause}]
steps:
  f: {for_each: {items: [1, 2, 3], as: n, max_parallel: 1}, run: "true"}
milestones: [{id: m, title: M, needs: [f]}]
"""
    lab.max_parallel = 1
    done = play(lab, text)
    assert done.state == "paused"
    assert done.step("f")["state"] == "running"
    assert {"succeeded", "ready"} <= {state for key, state in done.states.items() if key != "f"}
    assert done.of("milestone.missed") == []


CHILD = """
spec: 1
name: child
sandboxes: {py: {needs: {runtime: python}, prefer: [e2b]}}
POLICIES
steps: {c: {sandbox: py, run: "true"}, d: {after: [c], sandbox: py, run: "true"}}
"""
PARENT = """
spec: 1
name: lab
POLICIES
steps: {w: {workflow: child.yaml}, z: {after: [w], run: "true"}}
"""


@pytest.mark.parametrize("where", ["above", "below"])
def test_a_pause_below_pauses_the_whole_family(lab, where):
    policies = "policies: [{id: p, on: sandbox.blocked, do: pause}]"
    parent = PARENT.replace("POLICIES", policies if where == "above" else "")
    child = CHILD.replace("POLICIES", policies if where == "below" else "")
    lab.providers["e2b"] = type(lab.fake)(lab.cloud, "e2b", [ProviderBlocked("credits used up")])
    plan = lab.planned(parent, files={"child.yaml": child})

    async def main():
        done = await asyncio.wait_for(lab.live(plan), 20)
        return done, await lab.below(done.report.run)

    done, below = asyncio.run(main())
    assert done.state == "paused"
    assert done.states == {"w": "paused", "z": "pending"}
    assert below["w"].state == "paused"
    assert below["w"].states == {"c": "paused", "d": "pending"}


def test_a_run_above_that_is_paused_already_pauses_the_one_below(lab):
    plan = lab.planned(PARENT.replace("POLICIES", ""), files={"child.yaml": CHILD.replace("POLICIES", "")})

    def pause(event):
        if event.type == "step.delegated":
            lab.control.pause("a pause")

    lab.on_event = pause
    done = asyncio.run(asyncio.wait_for(lab.live(plan), 20))
    assert done.state == "paused"
    assert done.states == {"w": "paused", "z": "pending"}


def test_a_broken_store_while_paused_is_a_failure(lab, monkeypatch):
    def pause(event):
        if event.type == "run.started":
            lab.control.pause("a pause")
            monkeypatch.setattr("runner.run.boxes.Boxes.save", broken)

    async def broken(*_):
        raise ValueError("a bug")

    lab.on_event = pause
    with pytest.raises(ValueError, match="a bug"):
        play(lab, spec("[{id: x, on: run.failed, do: notify}]"))
