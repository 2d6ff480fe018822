"""Steps of the kind `approve`: who is asked waits for nobody else, and nobody else waits for who is asked."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import pwd
import stat
from dataclasses import asdict, replace

import pytest

from runner.errors import StoreError
from runner.run.desk import LOOK
from runner.run.execute import execute
from runner.run.forms import filled_in, schema
from runner.run.groups import Claim, Groups
from runner.run.interrupt import Control
from runner.run.kept import family, load
from runner.run.requests import Inbox, Request, new_id, user

HEAD = "spec: 1\nname: lab\nsandboxes: {own: {needs: {runtime: shell}, scope: step}}\n"
GATE = (
    HEAD
    + """
steps:
  build: {sandbox: own, run: echo built}
  gate:
    after: [build]
    owner: lead
    approve:
      prompt: "Ship ${{ run.name }}?"
      timeout: 1h
      form: {reason: {type: string, minLength: 2}, share: {type: number, default: 10}}
  ship: {sandbox: own, after: [gate], run: 'test ${{ steps.gate.outputs.reason }} = fine'}
  beside: {sandbox: own, run: echo beside}
agents: {lead: {human: true, title: Lead}}
outputs: {share: {value: "${{ steps.gate.outputs.share }}"}}
"""
)


class Calendar:
    """A clock that stands still until a test lets time pass; what waits is woken then."""

    def __init__(self, clock):
        self.time = clock.time
        self._sleepers = []

    def now(self):
        return self.time

    def random(self):
        return 0.5

    async def sleep(self, seconds):
        wake = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.time + seconds, wake))
        await wake

    def let_pass(self, seconds):
        self.time += seconds
        for end, wake in self._sleepers:
            if end <= self.time and not wake.done():
                wake.set_result(None)


class Scene:
    """A run that goes on while a test acts on it."""

    def __init__(self, lab, plan, **more):
        self.lab, self.plan = lab, plan
        self.clock = Calendar(lab.clock)
        self.setup = replace(lab.setup(), clock=self.clock, **more)
        self.control = Control()
        self.seen = []
        self.setup = replace(self.setup, on_event=self.seen.append)

    @property
    def store(self):
        return self.setup.store

    async def begin(self, kept=None):
        await self.store.open()
        self.task = asyncio.ensure_future(execute(self.plan, self.setup, self.control, kept))

    async def until(self, condition):
        for _ in range(2000):
            if condition():
                return
            if self.task.done():
                self.task.result()
            await asyncio.sleep(0.005)
        raise AssertionError([(event.type, event.step, event.data) for event in self.seen])

    async def event(self, type_, step=None, count=1):
        def there():
            return sum(each.type == type_ and step in (None, each.step) for each in self.seen) >= count

        await self.until(there)
        return [each for each in self.seen if each.type == type_ and step in (None, each.step)][-1]

    def ask(self, action, step="", run=None, **more):
        """Write a request, as a command in another process does."""
        run = run or self.seen[0].run
        question = more.pop("question", "approve-1" if step else "")
        request = Request(new_id(), action, "ada", more.pop("at", self.clock.time), step, question, **more)
        Inbox(self.setup.state, run).write(request)
        return request

    async def end(self):
        report = await asyncio.wait_for(self.task, 20)
        return report, {key: each["state"] for key, each in report.steps.items()}


def request_named(id_, action="approve", at=1.0):
    return Request(id_, action, "ada", at)


def test_an_approval_with_a_form_lets_the_run_go_on(lab):
    async def main():
        scene = Scene(lab, lab.planned(GATE), max_parallel=1)
        await scene.begin()
        told = (await scene.event("approval.asked")).data
        assert (told["prompt"], told["owner"], told["on_timeout"]) == ("Ship lab?", "lead", "reject")
        assert told["form"]["reason"] == {"type": "string", "minLength": 2}
        await scene.event("step.succeeded", "beside")
        request = scene.ask("approve", "gate", values={"reason": "fine"}, comment="go")
        report, states = await scene.end()
        assert set(states.values()) == {"succeeded"}, states
        assert report.document["outputs"] == {"share": 10.0}
        assert report.steps["gate"]["message"] == "approved by ada: go"
        decided = (await scene.event("approval.decided")).data
        assert (decided["decision"], decided["by"], decided["request"]) == ("approve", "ada", request.id)
        assert not Inbox(scene.setup.state, report.run).waiting()

    asyncio.run(main())


def test_a_rejection_fails_the_step_and_only_what_comes_after_it(lab):
    async def main():
        scene = Scene(lab, lab.planned(GATE))
        await scene.begin()
        await scene.event("approval.asked")
        scene.ask("reject", "gate", comment="too early")
        report, states = await scene.end()
        assert states == {"build": "succeeded", "gate": "failed", "ship": "skipped", "beside": "succeeded"}
        assert (report.state, report.steps["gate"]["error_class"]) == ("failed", "rejected")
        assert report.steps["gate"]["message"] == "rejected by ada: too early"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ({"values": {"reason": "x", "share": "much", "more": 1}}, "at least 2 are needed; field `share`"),
        ({"values": {}}, "field `reason` is missing (`string`)"),
        ({"question": "approve-7", "values": {"reason": "fine"}}, "the answer is to another question (approve-7)"),
        ({"step": "build"}, "it waits for no decision"),
        ({"step": "nobody"}, "there is no such step"),
        ({"action": "pause"}, "there is no such step, or nothing that could be decided about it so"),
        ({"action": "approve", "step": ""}, "it names no step"),
        ({"at": 3_000_000_000.0, "values": {"reason": "fine"}}, "approve came too late"),
    ],
)
def test_what_is_no_answer_is_refused_with_the_reason_and_the_question_stays_open(lab, what, reason):
    async def main():
        scene = Scene(lab, lab.planned(GATE))
        await scene.begin()
        await scene.event("approval.asked")
        await scene.event("step.succeeded", "build")
        wish = {"action": "approve", "step": "gate", **what}
        asked = scene.ask(wish.pop("action"), wish.pop("step"), **wish)
        refused = (await scene.event("request.refused")).data
        assert reason in refused["reason"]
        assert refused["request"] == asked.id
        scene.ask("approve", "gate", values={"reason": "fine"})
        _, states = await scene.end()
        assert states["ship"] == "succeeded"

    asyncio.run(main())


def test_of_two_answers_the_first_counts(lab):
    async def main():
        scene = Scene(lab, lab.planned(GATE))
        await scene.begin()
        await scene.event("approval.asked")
        scene.ask("reject", "gate", comment="first")
        second = scene.ask("approve", "gate", values={"reason": "second"})
        report, _ = await scene.end()
        assert report.steps["gate"]["message"] == "rejected by ada: first"
        if told := [event.data for event in scene.seen if event.type == "request.refused"]:
            assert (told[0]["request"], told[0]["reason"]) == (second.id, "it has been decided already")

    asyncio.run(main())


def test_a_file_that_is_no_request_is_left_alone(lab):
    async def main():
        scene = Scene(lab, lab.planned(GATE))
        await scene.begin()
        await scene.event("approval.asked")
        folder = scene.setup.state / "runs" / scene.seen[0].run / "requests"
        folder.mkdir()
        strange = {"a": "[]", "b": '{"id": "b"}', "c": "half", "d": json.dumps({**asdict(request_named("x"))})}
        strange["e"] = json.dumps(asdict(request_named("e", action="destroy")))
        strange["f"] = json.dumps(asdict(request_named("f", at="noon")))
        for name, text in strange.items():
            (folder / f"{name}.json").write_text(text)
        scene.ask("approve", "gate", values={"reason": "fine"})
        report, _ = await scene.end()
        assert report.state == "succeeded"
        assert sorted(path.stem for path in folder.iterdir()) == sorted(strange)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("on_timeout", "form", "ends", "message", "class_"),
    [
        ("reject", "", "failed", "rejected, for nobody answered in time", "rejected"),
        ("fail", "", "failed", "nobody answered in time", "timeout"),
        ("approve", "", "succeeded", "approved, for nobody answered in time", None),
        (
            "approve",
            ", form: {why: {type: string}}",
            "failed",
            "cannot be approved so: field `why` is missing",
            "timeout",
        ),
        ("approve", ", form: {n: {type: integer, default: 3}}", "succeeded", "approved, for nobody", None),
    ],
)
def test_no_answer_in_time_means_what_the_spec_says(lab, on_timeout, form, ends, message, class_):
    text = HEAD + f"steps: {{gate: {{approve: {{prompt: Go?, timeout: 2h, on_timeout: {on_timeout}{form}}}}}}}\n"

    async def main():
        scene = Scene(lab, lab.planned(text))
        await scene.begin()
        await scene.event("approval.asked")
        await asyncio.sleep(0.05)
        scene.clock.let_pass(7100)
        await asyncio.sleep(0.05)
        assert not scene.task.done()
        scene.clock.let_pass(101)
        report, states = await scene.end()
        assert states == {"gate": ends}
        assert message in report.steps["gate"]["message"]
        assert report.steps["gate"]["error_class"] == class_
        decided = (await scene.event("approval.decided")).data
        assert (decided["by"], decided["request"]) == (None, None)

    asyncio.run(main())


def test_an_answer_in_time_counts_though_the_process_saw_it_too_late(lab):
    async def main():
        scene = Scene(lab, lab.planned(GATE))
        await scene.begin()
        await scene.event("approval.asked")
        await asyncio.sleep(0.05)
        at = scene.clock.time + 3599
        scene.clock.let_pass(3601)
        scene.ask("approve", "gate", values={"reason": "fine"}, at=at)
        _, states = await scene.end()
        assert states["gate"] == "succeeded"

    asyncio.run(main())


def test_without_waiting_the_run_is_paused_when_only_decisions_are_left(lab):
    text = (
        HEAD
        + """
steps:
  gate: {approve: {prompt: Go?}}
  slow: {sandbox: own, run: sleep 0.4}
  each: {sandbox: own, after: [slow], for_each: {items: [1, 2], as: n}, run: 'echo ${{ n }}'}
  late: {after: [each], matrix: {n: [1, 2, 3], max_parallel: 1}, approve: {prompt: 'And ${{ matrix.n }}?'}}
  ship: {sandbox: own, after: [gate, late], run: echo shipped}
"""
    )

    async def main():
        plan = lab.planned(text)
        scene = Scene(lab, plan, wait=False)
        await scene.begin()
        report, states = await scene.end()
        assert report.state == "paused"
        assert report.document["message"] == "it waits for the decision of a person: gate, late[n=1]"
        assert [states[key] for key in ("slow", "each", "gate", "late[n=1]", "late[n=2]", "ship")] == [
            "succeeded", "succeeded", "paused", "paused", "ready", "pending",
        ]  # fmt: skip
        again = Scene(lab, plan)
        scene.ask("approve", "gate")
        await again.begin(await load(lab.store, report.run))
        for number in (1, 2, 3):
            if number > 1:
                await again.event("approval.asked", f"late[n={number}]")
            scene.ask("approve", f"late[n={number}]", run=report.run)
        _, states = await again.end()
        assert set(states.values()) == {"succeeded"}
        assert [event.step for event in again.seen if event.type == "approval.asked"] == ["late[n=2]", "late[n=3]"]

    asyncio.run(main())


BELOW = """
spec: 1
name: above
sandboxes: {own: {needs: {runtime: shell}, scope: step}}
steps:
  go: {workflow: child.yaml}
  beside: {sandbox: own, run: sleep 0.3}
"""
CHILD = "spec: 1\nname: child\nsteps: {gate: {approve: {prompt: Go?}}}\n"


def test_a_question_of_a_run_below_is_one_of_the_run_above(lab):
    async def main():
        plan = lab.planned(BELOW, files={"child.yaml": CHILD})
        scene = Scene(lab, plan, wait=False)
        await scene.begin()
        report, states = await scene.end()
        assert report.document["message"] == "it waits for the decision of a person: go/gate"
        assert states == {"go": "paused", "beside": "succeeded"}
        child = (await scene.event("step.delegated", "go")).data["run"]
        known = [
            (event.run == child, event.step) for event in await family(lab.store, await load(lab.store, report.run))
        ]
        assert list(dict.fromkeys(each for each in known if each[1] == "gate")) == [(True, "gate")]
        assert known.index((False, "go")) < known.index((True, "gate"))
        scene.ask("approve", "gate", run=child)
        again = Scene(lab, plan)
        await again.begin(await load(lab.store, report.run))
        after, states = await again.end()
        assert set(states.values()) == {"succeeded"}
        assert after.document["message"] == ""

    asyncio.run(main())


def test_a_prompt_that_cannot_be_made_fails_the_step(lab, make_step, new_plan):
    async def main():
        gate = make_step("gate", kind="approve", action={"prompt": "${{ steps.nothing.outputs.x }}?"}, sandbox=None)
        scene = Scene(lab, new_plan(gate))
        await scene.begin()
        report, states = await scene.end()
        assert states == {"gate": "failed"}
        assert report.steps["gate"]["error_class"] == "expression"

    asyncio.run(main())


@pytest.mark.parametrize("comment", ["", "it rains"])
def test_a_run_is_cancelled_and_paused_from_outside(lab, comment):
    async def main():
        plan = lab.planned(GATE)
        scene = Scene(lab, plan)
        await scene.begin()
        await scene.event("approval.asked")
        pause = scene.ask("pause", comment=comment)
        report, states = await scene.end()
        said = f": {comment}" if comment else ""
        assert (report.state, report.document["message"]) == ("paused", f"paused by ada{said}")
        assert (states["gate"], states["ship"]) == ("paused", "pending")
        # The process died before it removed what it had taken; another pause came when nobody was there.
        Inbox(scene.setup.state, report.run).write(pause)
        scene.ask("pause")
        again = Scene(lab, plan)
        await again.begin(await load(lab.store, report.run))
        assert (await again.event("request.refused")).data["reason"] == "the run was not going on"
        scene.ask("cancel", comment=comment)
        after, states = await again.end()
        assert (after.state, after.document["message"]) == ("cancelled", f"cancelled by ada{said}")
        assert (states["gate"], states["ship"]) == ("cancelled", "cancelled")
        assert [event.data["action"] for event in again.seen if event.type == "request.taken"] == ["cancel"]

    asyncio.run(main())


def test_the_engine_that_is_gone_cancels_what_waits(lab):
    async def main():
        scene = Scene(lab, lab.planned(GATE))
        await scene.begin()
        await scene.event("approval.asked")
        scene.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await scene.task
        (record,) = await lab.store.runs()
        legs = {each.key: each.data["state"] for each in await lab.store.all(record.key, "step")}
        assert (record.data["state"], legs["gate"]) == ("cancelled", "cancelled")

    asyncio.run(main())


PAY = (
    HEAD
    + """
steps:
  pay: {sandbox: own, owner: lead, idempotent: false, run: 'echo paid; [ "$RUNNER_ATTEMPT" = 3 ] || sleep 40'}
  beside: {sandbox: own, run: echo beside}
  after: {sandbox: own, after: [pay], run: echo after}
agents: {lead: {human: true, title: Lead}}
"""
)


async def died(scene):
    """What a killed process leaves: the store as it is now. The process itself is ended later."""
    store = copy.deepcopy(scene.store)
    scene.control.stop("the test is over")
    await scene.end()
    return store


def test_what_is_not_idempotent_is_repeated_only_when_somebody_says_so(lab):
    async def main():
        plan = lab.planned(PAY)
        scene = Scene(lab, plan)
        await scene.begin()
        for attempt in (1, 2):
            await scene.until(lambda number=attempt: lab.text.count(("pay", "stdout", "paid\n")) == number)
            store = await died(scene)
            scene = Scene(lab, plan, store=store)
            await scene.begin(await load(store, (await store.runs())[0].key))
            told = (await scene.event("approval.asked", "pay")).data
            assert (told["question"], told["owner"], told["until"]) == (f"repeat-{attempt}", "lead", None)
            assert f"attempt {attempt} was interrupted" in told["prompt"]
            scene.ask("approve", "pay", question=f"repeat-{attempt}")
        _, states = await scene.end()
        assert set(states.values()) == {"succeeded"}
        assert lab.text.count(("pay", "stdout", "paid\n")) == 3
        assert [event.attempt for event in scene.seen if event.type == "step.started" and event.step == "pay"] == [3]

    asyncio.run(main())


def test_what_is_not_to_be_repeated_has_failed_and_the_rest_goes_on(lab):
    async def main():
        plan = lab.planned(PAY)
        scene = Scene(lab, plan)
        await scene.begin()
        await scene.until(lambda: ("pay", "stdout", "paid\n") in lab.text)
        store = await died(scene)
        scene = Scene(lab, plan, store=store)
        await scene.begin(await load(store, (await store.runs())[0].key))
        await scene.event("approval.asked", "pay")
        scene.ask("reject", "pay", question="repeat-1", comment="it was paid")
        report, states = await scene.end()
        assert states == {"pay": "failed", "beside": "succeeded", "after": "skipped"}
        assert report.steps["pay"]["message"] == "rejected by ada: it was paid"

    asyncio.run(main())


@pytest.mark.parametrize("moment", ["step.started", "approval.decided"])
def test_nobody_is_asked_about_what_had_not_begun_or_was_answered(lab, moment):
    text = HEAD + "steps: {gate: {approve: {prompt: Go?}}, pay: {sandbox: own, idempotent: false, run: echo paid}}\n"

    async def main():
        plan = lab.planned(text)
        make, left = lab.providers["e2b"].create, []

        async def slowly(request):
            await asyncio.sleep(0.1)
            return await make(request)

        lab.providers["e2b"].create = slowly
        scene = Scene(lab, plan)

        def heard(event):
            scene.seen.append(event)
            if event.type == moment:
                left.append(copy.deepcopy(scene.store))

        scene.setup = replace(scene.setup, on_event=heard)
        await scene.begin()
        await scene.event("approval.asked")
        scene.ask("approve", "gate")
        await scene.end()
        again = Scene(lab, plan, store=left[0])
        await again.begin(await load(left[0], scene.seen[0].run))
        if moment == "step.started":
            if (await left[0].get(scene.seen[0].run, "step", "gate")).data["state"] != "paused":
                await again.event("approval.asked", "gate")
            scene.ask("approve", "gate")
        _, states = await again.end()
        assert set(states.values()) == {"succeeded"}
        assert not [event for event in again.seen if event.type == "approval.asked" and event.step == "pay"]

    asyncio.run(main())


def test_requests_are_there_until_they_are_removed_and_say_who_asked(tmp_path, monkeypatch):
    inbox, request = Inbox(tmp_path, "r1"), request_named("x")
    inbox.write(request)
    assert inbox.has(request)
    (path,) = tmp_path.rglob("*.json")
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    inbox.remove(request)
    inbox.remove(request)
    assert not inbox.has(request)
    assert user() == pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    assert user() == f"user {os.getuid()}"


def test_a_place_that_cannot_hold_requests_is_an_error_of_the_state_folder(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(StoreError, match="Not a directory"):
        Inbox(tmp_path, "r1").write(request_named("x"))
    with pytest.raises(StoreError, match="Not a directory"):
        Inbox(tmp_path, "r1").waiting()


def test_a_form_is_one_schema_for_those_who_read_what_was_typed():
    assert schema({"n": {"type": "integer"}}) == {"type": "object", "properties": {"n": {"type": "integer"}}}
    assert filled_in({"n": {"type": "integer", "title": "How many"}}, {})[1] == [
        "field `n` is missing (`integer`): How many"
    ]
    assert filled_in({}, {"n": "\ud800"})[1] == ["the form has no field `n`; it has none"]
    assert filled_in({"n": {}}, {"n": "\ud800"})[1] == ["field `n`: it is not Unicode text"]


def test_a_cancel_that_was_kept_ends_the_run_when_it_is_gone_on_with(lab):
    async def main():
        plan = lab.planned(GATE + "finally: {sandbox: own, run: echo cleaned}\n")
        scene = Scene(lab, plan, wait=False)
        await scene.begin()
        report, _ = await scene.end()
        scene.ask("cancel", comment="not needed any more")
        again = Scene(lab, plan)
        await again.begin(await load(lab.store, report.run))
        after, states = await again.end()
        assert (after.state, after.document["message"]) == ("cancelled", "cancelled by ada: not needed any more")
        assert states == {
            "build": "succeeded", "beside": "succeeded", "gate": "cancelled", "ship": "cancelled",
            "finally": "succeeded",
        }  # fmt: skip
        assert not Inbox(again.setup.state, report.run).waiting()

    asyncio.run(main())


LAST = """
spec: 1
name: last
sandboxes: {own: {needs: {runtime: shell}, scope: step}}
steps: {build: {sandbox: own, run: "exit 1"}}
on_failure: {approve: {prompt: Tell them?}}
finally: {approve: {prompt: Clean up?}}
"""


def test_without_waiting_the_last_steps_are_not_waited_for_either(lab):
    async def main():
        plan, kept = lab.planned(LAST), None
        for step, states in (
            ("on_failure", ["failed", "paused", "pending"]),
            ("finally", ["failed", "succeeded", "paused"]),
        ):
            scene = Scene(lab, plan, wait=False)
            await scene.begin(kept)
            report, found = await scene.end()
            assert (report.state, list(found.values())) == ("paused", states)
            assert report.document["message"] == f"it waits for the decision of a person: {step}"
            scene.ask("approve", step, run=report.run)
            await lab.store.open()
            kept = await load(lab.store, report.run)
        scene = Scene(lab, plan, wait=False)
        await scene.begin(kept)
        report, found = await scene.end()
        assert (report.state, list(found.values())) == ("failed", ["failed", "succeeded", "succeeded"])
        assert report.document["message"] == "build: exit code 1"

    asyncio.run(main())


def test_a_pause_during_on_failure_lets_finally_wait(lab):
    text = LAST.replace("on_failure: {approve: {prompt: Tell them?}}", 'on_failure: {sandbox: own, run: "sleep 0.3"}')

    async def main():
        plan = lab.planned(text)
        scene = Scene(lab, plan)
        await scene.begin()
        await scene.event("step.started", "on_failure")
        scene.ask("pause")
        report, found = await scene.end()
        assert (report.state, list(found.values())) == ("paused", ["failed", "succeeded", "pending"])
        await lab.store.open()
        again = Scene(lab, plan)
        await again.begin(await load(lab.store, report.run))
        await again.event("approval.asked", "finally")
        again.ask("approve", "finally", run=report.run)
        report, found = await again.end()
        assert (report.state, found["finally"]) == ("failed", "succeeded")
        assert [event.step for event in again.seen if event.type == "step.started"] == []

    asyncio.run(main())


HELD = """
spec: 1
name: held
sandboxes: {own: {needs: {runtime: shell}, scope: step}}
steps:
  gate: {concurrency: {group: door}, approve: {prompt: Go?}}
  behind: {sandbox: own, priority: -1, concurrency: {group: door}, run: echo through}
  each: {sandbox: own, priority: -2, concurrency: {group: door}, matrix: {n: [1, 2], max_parallel: 1}, run: echo too}
"""


def test_who_waits_for_a_place_that_a_question_holds_waits_for_people(lab):
    async def main():
        plan = lab.planned(HELD)
        scene = Scene(lab, plan, wait=False)
        await scene.begin()
        report, states = await scene.end()
        assert (report.state, report.document["message"]) == ("paused", "it waits for the decision of a person: gate")
        assert [states["gate"], states["behind"]] == ["paused", "ready"]
        scene.ask("approve", "gate", run=report.run)
        await lab.store.open()
        again = Scene(lab, plan, wait=False)
        await again.begin(await load(lab.store, report.run))
        report, states = await again.end()
        assert (report.state, set(states.values())) == ("succeeded", {"succeeded"})

    asyncio.run(main())


def test_who_waits_for_a_place_of_somebody_else_may_move_on(lab):
    async def main():
        groups, free = Groups(lab.setup().state / "groups"), asyncio.Event()

        async def hold():
            claim = Claim("step", "door", 1, "wait", "step x of run y")
            async with groups.place(claim, lambda holders: None, lambda reason: None):
                await free.wait()

        other = asyncio.ensure_future(hold())
        await asyncio.sleep(0.05)
        text = HELD.replace("gate: {concurrency: {group: door}, ", "gate: {")
        scene = Scene(lab, lab.planned(text), wait=False)
        await scene.begin()
        await scene.event("approval.asked", "gate")
        await scene.event("step.waiting", "behind")
        await asyncio.sleep(2 * LOOK)
        assert not scene.task.done()
        free.set()
        report, states = await scene.end()
        assert (report.state, states["behind"], states["each[n=2]"]) == ("paused", "succeeded", "succeeded")
        await other

    asyncio.run(main())


SHARED = """
spec: 1
name: shared
sandboxes: {web: {needs: {runtime: shell}}}
steps:
  build: {sandbox: web, run: echo of-build > made}
  gate: {after: [build], approve: {prompt: Ship?}}
  ship: {sandbox: web, after: [gate], run: grep -q of-build made}
"""


@pytest.mark.parametrize("wait", [True, False])
def test_a_shared_box_is_held_while_a_run_waits_and_freed_with_its_files_kept_where_it_does_not(lab, wait):
    async def main():
        plan = lab.planned(SHARED)
        scene = Scene(lab, plan, wait=wait)
        await scene.begin()
        run = (await scene.event("approval.asked")).run
        if wait:
            await asyncio.sleep(2 * LOOK)
            assert len(lab.cloud.boxes) == 1
            scene.ask("approve", "gate")
            _, states = await scene.end()
        else:
            report, _ = await scene.end()
            assert (report.state, lab.cloud.boxes) == ("paused", {})
            assert all(event.type != "box.left" for event in scene.seen)
            scene.ask("approve", "gate", run=run)
            await lab.store.open()
            again = Scene(lab, plan, wait=wait)
            await again.begin(await load(lab.store, run))
            _, states = await again.end()
        assert states == {"build": "succeeded", "gate": "succeeded", "ship": "succeeded"}
        assert sum(event.type == "box.created" for event in await lab.store.events(run)) == (1 if wait else 2)

    asyncio.run(main())
