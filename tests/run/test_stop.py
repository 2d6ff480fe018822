"""Stopping a run: by the user once and twice, by the engine, by a store or an engine that breaks."""

from __future__ import annotations

import asyncio

import pytest

from runner.compiler.plan.model import Candidate, Milestone, Retry, SandboxPlan
from runner.errors import BoxGone, EngineUnavailable, ProviderOffline, StoreFull
from runner.run.execute import execute
from runner.run.interrupt import Control
from runner.run.kept import load
from runner.run.local import BareHost

FOREVER = "echo begun; sleep 60"


class Trigger:
    """Calls something when the nth event of a type is committed."""

    def __init__(self, type_, action, step=None):
        self.type, self.action, self.step = type_, action, step

    def __call__(self, event):
        if event.type == self.type and self.step in (None, event.step):
            self.action()


def stop_when_output_comes(lab, times=1):
    class Text(list):
        def append(self, item):
            super().append(item)
            if "begun" in item[2]:
                for _ in range(times):
                    lab.control.stop("stopped by Ctrl-C")

    lab.text = Text()


def test_a_stop_kills_commands_frees_boxes_and_writes_it_down(lab, make_step):
    stop_when_output_comes(lab)
    fresh = SandboxPlan("fresh", scope="step", candidates=(Candidate("fake", True, ""),))
    done = lab.run(
        make_step("a", FOREVER),
        make_step("b", after=("a",)),
        make_step("c", "sleep 60", sandbox="fresh"),
        on_failure=make_step("on_failure"),
        finally_=make_step("finally", "echo last"),
        milestones=(Milestone("m", needs=("b",)), Milestone("never", needs=("b",), accept=("true",))),
        sandboxes={"fresh": fresh},
    )
    assert done.state == "cancelled"
    assert done.report.document["message"] == "stopped by Ctrl-C"
    assert done.states == {
        "a": "cancelled",
        "b": "cancelled",
        "c": "cancelled",
        "on_failure": "skipped",
        "finally": "succeeded",
    }
    assert ("finally", "stdout", "last\n") in lab.text
    assert done.report.milestones["m"]["state"] == "missed"
    assert done.types()[-1] == "run.cancelled"
    assert all(not box._processes or box._gone for box in lab.fake.made)


def test_a_second_stop_does_not_wait_for_finally(lab, make_step):
    class Text(list):
        def append(self, item):
            super().append(item)
            lab.control.stop("stopped by Ctrl-C")

    lab.text = Text()
    done = lab.run(make_step("a", FOREVER), finally_=make_step("finally", FOREVER))
    assert done.states == {"a": "cancelled", "finally": "cancelled"}
    assert done.state == "cancelled"


def test_the_first_stop_ends_on_failure_and_not_finally(lab, make_step):
    stop_when_output_comes(lab)
    last = {"on_failure": make_step("on_failure", FOREVER), "finally_": make_step("finally", "sleep 0.1")}
    done = lab.run(make_step("a", "exit 1"), **last)
    assert done.states == {"a": "failed", "on_failure": "cancelled", "finally": "succeeded"}
    assert done.state == "cancelled"


def test_two_stops_at_once_leave_finally_out(lab, make_step):
    stop_when_output_comes(lab, 2)
    done = lab.run(make_step("a", FOREVER), finally_=make_step("finally"))
    assert done.states == {"a": "cancelled", "finally": "cancelled"}
    assert done.of("step.started")[-1].step == "a"


def test_a_run_that_is_stopped_before_it_began(lab, make_step):
    lab.control.stop("too late")
    done = lab.run(make_step("a"), make_step("b", after=("a",)))
    assert done.states == {"a": "cancelled", "b": "cancelled"}
    assert lab.fake.made == []


def test_a_leg_that_waits_for_a_slot_or_a_delay_is_stopped_too(lab, make_step):
    lab.max_parallel = 1
    lab.on_event = Trigger("step.retrying", lambda: lab.control.stop("enough"))

    async def forever(seconds):
        await asyncio.Event().wait()

    lab.clock.sleep = forever
    done = lab.run(make_step("a", "exit 1", retry=Retry(attempts=2)), make_step("b", "sleep 60"), make_step("c"))
    assert done.states == {"a": "cancelled", "b": "cancelled", "c": "cancelled"}


def test_a_box_that_is_being_made_during_a_stop_is_freed(lab, make_step):
    create = lab.fake.create

    async def slow(request):
        lab.control.stop("stop while making")
        await asyncio.sleep(0.05)
        return await create(request)

    lab.fake.create = slow
    done = lab.run(make_step("a"))
    assert done.state == "cancelled"
    assert len(lab.fake.made) == 1
    assert len(done.of("box.killed")) == 1


def test_a_provider_that_fails_during_a_stop_leaves_nothing(lab, make_step):
    async def fail(request):
        lab.control.stop("stop while making")
        await asyncio.sleep(0.05)
        raise ProviderOffline("nothing answers")

    lab.fake.create = fail
    assert lab.run(make_step("a")).states == {"a": "cancelled"}


def test_a_finally_that_hangs_after_a_stop_is_given_up(lab, make_step, monkeypatch):
    monkeypatch.setattr("runner.run.scheduler.FINAL_SECONDS", 0.2)
    monkeypatch.setattr("runner.run.scheduler.GRACE", 0.1)
    stop_when_output_comes(lab)
    create = lab.fake.create

    async def hang(request):
        if len(lab.fake.made) == 1:
            await asyncio.Event().wait()
        return await create(request)

    lab.fake.create = hang
    monkeypatch.setattr("runner.run.supply.KILL_TIMEOUT", 0.1)
    fresh = SandboxPlan("fresh", candidates=(Candidate("fake", True, ""),))
    done = lab.run(make_step("a", FOREVER), finally_=make_step("finally", sandbox="fresh"), sandboxes={"fresh": fresh})
    assert done.states == {"a": "cancelled", "finally": "cancelled"}


@pytest.mark.parametrize("times", [1, 5])
def test_the_engine_may_be_cancelled_again_and_again(lab, make_step, new_plan, times):
    plan = new_plan(make_step("a", FOREVER), make_step("b", after=("a",)), finally_=make_step("finally", "sleep 0.2"))

    async def main():
        begun = asyncio.Event()
        lab.on_event = Trigger("step.started", begun.set)
        await lab.store.open()
        running = asyncio.ensure_future(execute(plan, lab.setup(), lab.control))
        await begun.wait()
        for _ in range(times):
            running.cancel()
            await asyncio.sleep(0.02)
        with pytest.raises(asyncio.CancelledError):
            await running
        (run,) = await lab.store.runs()
        return run, await lab.store.all(run.key, "step")

    run, steps = asyncio.run(main())
    assert run.data["state"] == "cancelled"
    assert run.data["message"] == "the local engine stopped the run"
    assert {step.key: step.data["state"] for step in steps} == {
        "a": "cancelled",
        "b": "cancelled",
        "finally": "succeeded",
    }
    assert not lab.cloud.boxes


def fill_disk_after(store, commits):
    commit, left = store.commit, [commits]

    async def full(run, changes, events):
        left[0] -= 1
        if left[0] < 0:
            raise StoreFull("no space left for the store")
        return await commit(run, changes, events)

    store.commit = full


@pytest.mark.parametrize("commits", range(1, 6))
def test_a_full_disk_ends_the_run_with_its_error_and_it_goes_on_when_there_is_space(lab, make_step, new_plan, commits):
    """In the same box, whose files are needed: a box in which nothing has succeeded is freed."""
    commit = lab.store.commit
    fill_disk_after(lab.store, commits)
    steps = make_step("a", "echo of-a > kept"), make_step("b", "sleep 0.1"), make_step("c", "cat kept", after=("a",))
    plan = new_plan(*steps, finally_=make_step("f"))
    with pytest.raises(StoreFull, match="no space left") as caught:
        asyncio.run(lab.live(plan))
    assert caught.value.exit_code == 4
    lab.store.commit = commit

    async def again():
        (record,) = await lab.store.runs()
        assert record.data["state"] in ("pending", "running")
        assert commits > 1 or not lab.cloud.boxes
        return await execute(plan, lab.setup(), Control(), await load(lab.store, record.key))

    assert asyncio.run(again()).state == "succeeded"
    assert lab.text[-1] == ("c", "stdout", "of-a\n")
    assert not lab.cloud.boxes


def test_a_disk_that_is_full_from_the_beginning(lab, make_step):
    fill_disk_after(lab.store, 0)
    with pytest.raises(StoreFull, match="no space left"):
        lab.run(make_step("a"))
    assert not lab.cloud.boxes
    assert asyncio.run(lab.store.runs()) == []


def test_a_store_that_fails_at_the_very_end_is_told(lab, make_step):
    commit = lab.store.commit

    async def full(run, changes, events):
        if any(event.type == "run.succeeded" for event in events):
            raise StoreFull("no space left for the store")
        return await commit(run, changes, events)

    lab.store.commit = full
    with pytest.raises(StoreFull):
        lab.run(make_step("a"))
    assert not lab.cloud.boxes


def test_the_plan_cannot_be_written(lab, make_step, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("runner.run.execute.write_durably", full)
    with pytest.raises(StoreFull, match=r"no space left for .*plan\.json"):
        lab.run(make_step("a"))


class Breaking:
    """An engine whose host fails at one leg."""

    name = "breaking"

    async def run(self, plan, run, body):
        class Host(BareHost):
            async def leg(self, step, leg, upstream, body):
                if step.id == "b":
                    raise ZeroDivisionError("a bug")
                return await super().leg(step, leg, upstream, body)

        return await body(Host())


def test_a_bug_in_an_engine_ends_the_run_in_failure(lab, make_step, new_plan):
    lab.engine = Breaking()
    plan = new_plan(make_step("a"), make_step("b", after=("a",)), make_step("c", "sleep 60"))

    async def main():
        await lab.store.open()
        with pytest.raises(ZeroDivisionError):
            await execute(plan, lab.setup(), lab.control)
        (run,) = await lab.store.runs()
        return run, await lab.store.all(run.key, "step")

    run, steps = asyncio.run(main())
    assert run.data["state"] == "failed"
    assert run.data["message"] == "internal error: ZeroDivisionError: a bug"
    assert {step.key: step.data["state"] for step in steps} == {"a": "succeeded", "b": "cancelled", "c": "cancelled"}
    assert not lab.cloud.boxes


def test_an_engine_that_cannot_be_had_writes_nothing(lab, make_step):
    class Absent:
        name = "absent"

        async def run(self, plan, run, body):
            raise EngineUnavailable("no API answers")

    lab.engine = Absent()
    with pytest.raises(EngineUnavailable):
        lab.run(make_step("a"))
    assert not (lab.folder / "state").exists()


@pytest.mark.parametrize(
    ("error", "words"), [(ProviderOffline("nothing answers"), "nothing answers"), (None, "no answer")]
)
def test_a_box_that_cannot_be_freed_is_told(lab, make_step, monkeypatch, error, words):
    monkeypatch.setattr("runner.run.supply.KILL_TIMEOUT", 0.1)
    create = lab.fake.create

    async def make(request):
        box = await create(request)
        kill = box.kill

        async def refuse():
            await kill()
            if error is None:
                await asyncio.Event().wait()
            raise error

        box.kill = refuse
        return box

    lab.fake.create = make
    done = lab.run(make_step("a"))
    assert done.state == "succeeded"
    (warning,) = done.report.warnings
    assert words in warning
    assert "it ends by itself" in warning
    (left,) = done.of("box.left")
    assert left.data == {
        "box": done.of("box.created")[0].data["box"],
        "provider": "fake",
        "usd": 0.0,
        "seconds": 0.0,
        "free": True,
        "sandbox": "default",
        "reason": words,
    }
    assert done.of("box.killed") == []


def test_a_box_that_is_gone_at_the_end_needs_no_freeing(lab, make_step):
    async def gone():
        raise BoxGone("not found")

    create = lab.fake.create

    async def make(request):
        box = await create(request)
        kill = box.kill

        async def refuse():
            await kill()
            return False

        box.kill = refuse
        return box

    lab.fake.create = make
    assert lab.run(make_step("a")).report.warnings == ()


def test_a_box_that_does_not_answer_is_a_timeout(lab, make_step, monkeypatch):
    monkeypatch.setattr("runner.run.attempt.GRACE", 0.1)
    create = lab.fake.create

    async def make(request):
        box = await create(request)

        async def silent(command, on_output=None):
            await asyncio.Event().wait()

        box.run = silent
        return box

    lab.fake.create = make
    done = lab.run(make_step("a", timeout=0.1))
    assert done.step("a")["error_class"] == "timeout"
    assert "did not answer within 0.2 seconds" in done.step("a")["message"]
