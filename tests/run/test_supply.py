"""From a need to a box: sessions, refusals, moves from box to box, leases."""

from __future__ import annotations

import asyncio

import pytest

from runner.compiler.plan.choose import Account, Fact
from runner.errors import (
    BoxFileError,
    BoxGone,
    BudgetSpent,
    ProviderBlocked,
    ProviderOffline,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    SandboxMissing,
    SessionTooLong,
)
from runner.run.supply import LEASE, PATIENCE, chooser

TEXT = """
spec: 1
name: lab
sandboxes:
  py: {{needs: {{runtime: python}}, prefer: [e2b], scope: {scope}{more}}}
policies: [{policies}]
defaults: {{timeout: 600s}}
steps:
  a: {{sandbox: py, run: "echo of-a > kept"}}
  b: {{sandbox: py, after: [a], run: "cat kept"{step}}}
"""


def text(scope="run", more="", step="", policies="{id: x, on: run.failed, do: notify}"):
    return TEXT.format(scope=scope, more=more, step=step, policies=policies)


def play(lab, spec):
    return asyncio.run(asyncio.wait_for(lab.live(lab.planned(spec)), 30))


def changed(lab, change, provider="e2b"):
    """Every box of the provider is given to `change` when it was made."""
    lab.providers.setdefault(provider, type(lab.fake)(lab.cloud, provider))
    create = lab.providers[provider].create

    async def make(request):
        box = await create(request)
        change(box)
        return box

    lab.providers[provider].create = make
    return lab


def slow(lab, seconds):
    def change(box):
        run = box.run

        async def takes(command, on_output=None):
            lab.clock.time += seconds
            return await run(command, on_output)

        box.run = takes

    return changed(lab, change)


def too_long(limit):
    error = SessionTooLong("Timeout cannot be greater than that")
    error.limit = limit
    return error


# ---------------------------------------------------------------- sessions


def test_a_step_longer_than_a_session_is_refused_before_the_run(lab):
    lab.facts = {"e2b": Fact(True, "there", account=Account("hobby", session=300))}
    with pytest.raises(SandboxMissing) as caught:
        play(lab, text())
    assert "a step may take 600 s, and a box lives 300 s at most on the plan hobby" in caught.value.message
    assert "a larger plan" in caught.value.message
    lab.facts = {"e2b": Fact(True, "there", account=Account(session=300))}
    with pytest.raises(SandboxMissing, match="lives 300 s at most; give"):
        play(lab, text())


def test_an_endpoint_that_is_refused_already_needs_no_look_at_its_session(lab, two_providers):
    lab.facts = {"first": Fact(True, ""), "second": Fact(True, "")}
    sandbox = two_providers()
    found = chooser({"e2b": Fact(False, "no")})(sandbox, 1.0)
    assert found == sandbox.candidates


def test_a_session_that_nobody_knew_is_learned_from_the_refusal(lab):
    lab.providers["e2b"] = type(lab.fake)(lab.cloud, "e2b", [too_long(700.0)])
    done = play(lab, text())
    assert done.state == "succeeded"
    assert [request.timeout for request in lab.providers["e2b"].requests] == [LEASE, 700.0]


@pytest.mark.parametrize("limit", [None, 5000.0])
def test_a_refusal_that_a_shorter_time_does_not_answer_is_the_steps_failure(lab, limit):
    lab.providers["e2b"] = type(lab.fake)(lab.cloud, "e2b", [too_long(limit), too_long(limit)])
    done = play(lab, text())
    assert done.states["a"] == "failed"
    assert done.step("a")["error_class"] == "box"


@pytest.mark.parametrize("limit", [None, 2000.0])
def test_a_lease_that_is_refused_for_the_session_is_the_last_one(lab, limit):
    asked = []

    def change(box):
        async def refuse(seconds):
            asked.append(seconds)
            raise too_long(limit)

        box.set_timeout = refuse

    done = play(slow(changed(lab, change), 500), text())
    assert asked
    assert done.state == ("succeeded" if limit else "failed")


def test_a_shared_box_near_its_end_is_left_for_a_new_one_with_its_files(lab):
    lab.facts = {"e2b": Fact(True, "there", account=Account(session=1000))}
    done = play(slow(lab, 500), text())
    assert done.state == "succeeded", done.report.document["message"]
    assert ("b", "stdout", "of-a\n") in lab.text
    (moved,) = done.of("box.moved")
    assert moved.data["reason"] == "the box may live only 500 s more"
    assert moved.data["bytes"] > 0
    assert len(done.of("box.killed")) == 2
    assert lab.providers["e2b"].requests[0].timeout == LEASE


def test_the_sandboxs_own_timeout_is_the_life_of_a_box(lab):
    done = play(slow(lab, 500), text(more=", timeout: 700s"))
    assert done.state == "succeeded"
    assert lab.providers["e2b"].requests[0].timeout == 700
    assert len(done.of("box.moved")) == 1


def test_a_step_has_no_more_time_than_its_box(lab):
    def change(box):
        run = box.run

        async def told(command, on_output=None):
            assert command.timeout == 1
            return await run(command, on_output)

        box.run = told

    done = play(changed(lab, change), text("step", ", timeout: 1s").replace("cat kept", "sleep 9"))
    assert done.step("b")["error_class"] == "timeout"
    assert "covered less than the step's 600 s" in done.step("b")["message"]


def test_a_box_whose_files_cannot_be_read_is_lost(lab):
    def change(box):
        async def broken(_path):
            raise BoxFileError("cannot be read")

        box.export_tar = broken

    lab.facts = {"e2b": Fact(True, "there", account=Account(session=1000))}
    done = play(slow(changed(lab, change), 500), text())
    assert done.states == {"a": "succeeded", "b": "failed"}
    assert "the files that a left in it are lost" in done.step("b")["message"]


def test_a_box_without_files_of_ended_steps_is_left_even_when_it_cannot_be_read(lab):
    def change(box):
        async def broken(_path):
            raise BoxFileError("cannot be read")

        box.export_tar = broken

    lab.facts = {"e2b": Fact(True, "there", account=Account(session=1000))}
    spec = text().replace('run: "echo of-a > kept"', 'run: "exit 1", retry: {attempts: 2, delay: 1s}')
    done = play(slow(changed(lab, change), 500), spec)
    assert done.states["a"] == "failed"
    assert done.of("box.moved")[0].data["bytes"] == 0


def test_a_move_waits_for_those_who_use_the_box(lab):
    lab.facts = {"e2b": Fact(True, "there", account=Account(session=1000))}
    spec = """
spec: 1
name: lab
sandboxes: {py: {needs: {runtime: python}, prefer: [e2b]}}
defaults: {timeout: 600s}
steps:
  first: {sandbox: py, run: sleep 0.3}
  a: {sandbox: py, run: "true"}
  b: {sandbox: py, after: [a], run: "true"}
"""

    def change(box):
        run = box.run

        async def takes(command, on_output=None):
            lab.clock.time += 500 if command.text.endswith("true") else 0
            return await run(command, on_output)

        box.run = takes

    done = play(changed(lab, change), spec)
    assert done.state == "succeeded"
    order = [event.type if event.type == "box.moved" else event.step for event in done.events]
    assert order.index("box.moved") > max(place for place, key in enumerate(order) if key == "first")


def test_nothing_is_renewed_when_a_box_has_no_time_left(lab, monkeypatch):
    monkeypatch.setattr("runner.run.supply.LEASE", 0.03)
    lab.facts = {"e2b": Fact(True, "there", account=Account(session=1000))}

    def change(box):
        box.set_timeout = lambda _seconds: asyncio.sleep(0)
        run = box.run

        async def takes(command, on_output=None):
            lab.clock.time += 2000
            await asyncio.sleep(0.6)
            return await run(command, on_output)

        box.run = takes

    spec = text().replace("cat kept", "true").replace("after: [a]", "after: [a], if: 'false'")
    done = play(changed(lab, change), spec)
    assert done.state == "succeeded"


def test_a_box_whose_provider_refuses_goes_on_where_there_is_no_other(lab, monkeypatch):
    monkeypatch.setattr("runner.run.supply.LEASE", 0.6)
    refused = []

    def change(box):
        async def refuse(_seconds):
            refused.append(1)
            raise ProviderBlocked("credits used up")

        box.set_timeout = refuse

    done = play(changed(lab, change), text().replace("echo of-a", "sleep 0.5; echo of-a"))
    assert refused
    assert done.state == "succeeded"
    assert done.of("box.moved") == []


# ---------------------------------------------------------------- refusals


def test_a_provider_that_refuses_for_ever_counts_as_failed_in_the_end(lab):
    class Never(list):
        def pop(self, _index):
            lab.clock.time += PATIENCE / 4
            return RateLimited("slow down")

        def __bool__(self):
            return True

    lab.providers["e2b"] = type(lab.fake)(lab.cloud, "e2b")
    lab.providers["e2b"]._faults = Never()
    done = play(lab, text())
    assert done.step("a")["error_class"] == "provider"
    assert 4 <= len(lab.providers["e2b"].requests) <= 6
    assert done.of("step.waiting")


def test_legs_wait_for_each_others_boxes_instead_of_failing(lab):
    """The account's limit is learned from the first refusals."""
    kind = type(lab.fake)

    class Narrow(kind):
        async def create(self, request):
            if sum(box.provider == "e2b" for box in lab.cloud.boxes.values()) >= 3:
                self.requests.append(request)
                raise QuotaExhausted("the maximum number of concurrent boxes")
            return await super().create(request)

    lab.providers["e2b"] = Narrow(lab.cloud, "e2b")
    spec = """
spec: 1
name: lab
sandboxes: {py: {needs: {runtime: python}, prefer: [e2b], scope: step}}
steps: {m: {sandbox: py, matrix: {n: [1, 2, 3, 4, 5, 6, 7, 8, 9]}, run: sleep 0.05}}
"""
    done = play(lab, spec)
    assert done.state == "succeeded", done.report.document["message"]
    assert set(done.states.values()) == {"succeeded"}
    assert len(done.of("step.waiting")) >= 5
    assert done.of("step.retrying") == []
    assert len(lab.providers["e2b"].requests) < 20, "no storm of requests"


def test_a_budget_that_is_spent_goes_on_where_boxes_are_free_by_policy(lab):
    kind = type(lab.fake)
    lab.providers |= {"e2b": kind(lab.cloud, "e2b"), "e2b@embedded": kind(lab.cloud, "e2b@embedded")}
    lab.facts = {"e2b": Fact(True, "there"), "e2b@embedded": Fact(True, "here", free=True)}
    policies = "{id: b, on: sandbox.budget, do: fallback}"
    done = play(slow(lab, 500), text(more=", budget: {usd: 0.0152}", policies=policies))
    assert done.state == "succeeded", done.report.document["message"]
    assert done.step("a")["provider"] == "e2b"
    assert done.step("b")["provider"] == "e2b@embedded"
    assert ("b", "stdout", "of-a\n") in lab.text


def test_a_budget_that_is_spent_fails_the_step_where_no_policy_helps(lab):
    done = play(slow(lab, 500), text(more=", budget: {usd: 0.0152}"))
    assert done.states == {"a": "succeeded", "b": "failed"}
    assert done.step("b")["error_class"] == "budget"


def test_legs_wait_for_the_budget_that_others_have_reserved(lab, monkeypatch):
    monkeypatch.setattr("runner.run.meter._LOOK", 0.01)
    spec = """
spec: 1
name: lab
sandboxes: {py: {needs: {runtime: python}, prefer: [e2b], scope: step, budget: {hours: 1}}}
defaults: {timeout: 1h}
steps: {m: {sandbox: py, matrix: {n: [1, 2, 3]}, run: "true"}}
"""
    done = play(lab, spec)
    assert done.state == "succeeded"
    told = {event.data["reason"] for event in done.of("step.waiting")}
    assert told == {"sandbox py: the rest of its budget is reserved by other boxes"}


def test_what_a_box_was_really_given_is_what_it_costs(lab):
    asked = []

    def change(box):
        async def broken():
            asked.append(1)
            raise ProviderOffline("no answer")

        box.info = broken

    done = play(changed(lab, change), text())
    assert done.state == "succeeded"
    assert asked
    boxes = asyncio.run(lab.store.all(done.report.run, "box"))
    assert "cpu" not in boxes[0].data


def test_a_box_that_dies_twice_is_lost_once(lab):
    error = BoxGone("its time was over")

    def change(box):
        async def gone(*_):
            await asyncio.sleep(0.02)
            await box.kill()
            raise error

        box.run = gone

    spec = text().replace(", after: [a]", "")
    done = play(changed(lab, change), spec)
    assert done.state == "failed"
    assert len(done.of("box.killed")) == 1


def test_errors_say_what_they_are():
    assert issubclass(RateLimited, QuotaExhausted)
    assert not BudgetSpent("x").settled
    assert RequestRefused("x").exit_code == 1
