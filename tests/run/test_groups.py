"""Concurrency groups: limits that hold between legs, runs and processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from runner.errors import StoreError
from runner.run.execute import execute
from runner.run.groups import Busy, Claim, Groups
from runner.run.interrupt import Control

STEPS = """
spec: 1
name: grouped
steps:
  work:
    matrix: {n: [1, 2, 3, 4]}
    run: sleep 0.02; echo ${{ matrix.n }}
    concurrency: {group: GROUP, limit: LIMIT, on_conflict: CONFLICT}
"""


def steps(group="'one'", limit=1, conflict="wait"):
    return STEPS.replace("GROUP", group).replace("LIMIT", str(limit)).replace("CONFLICT", conflict)


def peak(lab):
    seen = {"now": 0, "most": 0}

    def count(event):
        seen["now"] += {"step.started": 1, "step.succeeded": -1}.get(event.type, 0)
        seen["most"] = max(seen["most"], seen["now"])

    lab.on_event = count
    return seen


@pytest.mark.parametrize(("group", "limit", "most"), [("'one'", 1, 1), ("'two'", 2, 2), ("'n-${{ matrix.n }}'", 1, 4)])
def test_at_most_so_many_legs_of_a_group_run_at_once(lab, group, limit, most):
    seen = peak(lab)
    done = lab.play(steps(group, limit))
    assert done.state == "succeeded"
    assert seen["most"] <= most
    assert (seen["most"] == 1) == (most == 1)
    assert bool(done.of("step.waiting")) == (most < 4)


def test_waiting_is_told_with_the_holders(lab):
    done = lab.play(steps())
    told = done.of("step.waiting")
    assert len(told) == 3
    assert told[0].data["group"] == "one"
    assert told[0].data["holders"] == [f"step work[n=1] of run {done.report.run}"]


def test_nothing_is_left_behind(lab):
    lab.play(steps())
    assert list((lab.folder / "state" / "groups").iterdir()) == []


def test_a_newcomer_that_is_not_to_wait_is_cancelled_and_so_is_the_run(lab):
    done = lab.play(steps(conflict="cancel_new"))
    assert sorted(done.states.values()) == ["cancelled", "cancelled", "cancelled", "succeeded"]
    assert done.state == "cancelled"
    assert "the concurrency group one is full (step work[n=1] of run" in done.step("work[n=2]")["message"]
    assert "is full" in done.report.document["message"]


def test_a_cancelled_newcomer_that_may_fail_does_no_harm(lab):
    done = lab.play(steps(conflict="cancel_new").replace("    run:", "    allow_failure: true\n    run:"))
    assert done.state == "succeeded"


def test_a_newcomer_may_take_over(lab):
    text = """
spec: 1
name: takes-over
steps:
  old: {run: echo begun; sleep 60, concurrency: {group: g}}
  first: {run: sleep 0.3}
  new: {after: first, run: echo new, concurrency: {group: g, on_conflict: cancel_old}}
"""
    done = lab.play(text)
    assert done.states == {"old": "cancelled", "first": "succeeded", "new": "succeeded"}
    assert done.state == "cancelled"
    assert done.step("old")["message"] == f"step new of run {done.report.run} took its place in the concurrency group g"


def test_a_group_that_cannot_be_evaluated_fails_the_step(lab, make_step):
    from runner.compiler.plan.model import Concurrency

    done = lab.run(make_step("a", concurrency=Concurrency("${{ inputs.no }}")))
    assert done.step("a")["error_class"] == "expression"


def test_a_stop_ends_the_waiting(lab):
    def stop(event):
        if event.type == "step.waiting":
            lab.control.stop("by the test")

    lab.on_event = stop
    done = lab.play(steps().replace("sleep 0.02", "sleep 60"))
    assert set(done.states.values()) == {"cancelled"}


RUNS = """
spec: 1
name: NAME
steps: {a: {run: sleep 0.1}}
concurrency: {group: runs, on_conflict: CONFLICT}
priority: PRIO
"""


def whole(name="one", conflict="wait", priority=0):
    return RUNS.replace("NAME", name).replace("CONFLICT", conflict).replace("PRIO", str(priority))


async def together(lab, *texts):
    """Several runs, each begun when the one before has started, waits or has ended; their reports, and the order of
    their starts.
    """
    order, plans = [], [lab.planned(text) for text in texts]
    names, settled = {}, {plan.name: asyncio.Event() for plan in plans}

    def note(event):
        if event.type == "run.created":
            names[event.run] = event.data["name"]
        if event.type == "run.started":
            order.append(names[event.run])
        if event.type in ("run.started", "run.waiting", "run.cancelled"):
            settled[names[event.run]].set()

    lab.on_event = note
    await lab.store.open()
    running = []
    for number, plan in enumerate(plans):
        lab.clock.chances = [number / 16]
        running.append(asyncio.ensure_future(execute(plan, lab.setup(), Control())))
        await settled[plan.name].wait()
    reports = await asyncio.gather(*running)
    return {report.document["name"]: report for report in reports}, order


def test_runs_of_one_group_follow_each_other_the_urgent_first(lab):
    texts = [whole("first").replace("sleep 0.1", "sleep 1"), whole("low"), whole("high", priority=7)]
    reports, order = asyncio.run(together(lab, *texts))
    assert {report.state for report in reports.values()} == {"succeeded"}
    assert order == ["first", "high", "low"]


def test_a_run_that_is_not_to_wait_is_cancelled_before_it_starts(lab):
    slow = whole("first").replace("sleep 0.1", "sleep 2")
    reports, order = asyncio.run(together(lab, slow, whole("late", "cancel_new")))
    assert order == ["first"]
    assert reports["late"].state == "cancelled"
    assert "the concurrency group runs is full (run " in reports["late"].document["message"]
    assert reports["late"].steps["a"]["state"] == "cancelled"


def test_a_run_may_take_over(lab):
    slow = whole("old").replace("sleep 0.1", "sleep 60")
    reports, order = asyncio.run(together(lab, slow, whole("new", "cancel_old")))
    assert order == ["old", "new"]
    assert reports["old"].state == "cancelled"
    assert "took its place in the concurrency group runs" in reports["old"].document["message"]
    assert reports["new"].state == "succeeded"


def test_a_run_that_waits_can_be_stopped(lab):
    async def main():
        plan = lab.planned(whole("one"))
        await lab.store.open()
        groups = Groups(lab.folder / "state" / "groups")
        claim = Claim("run", "runs", 1, "wait", "the test")
        async with groups.place(claim, lambda holders: None, lambda reason: None):
            control = Control()
            lab.on_event = lambda event: control.stop("by the test") if event.type == "run.waiting" else None
            return await execute(plan, lab.setup(), control)

    report = asyncio.run(main())
    assert report.state == "cancelled"
    assert report.document["started_at"] is None


def test_the_engine_may_be_cancelled_while_a_run_waits(lab):
    async def main():
        plan = lab.planned(whole("one") + "finally: {run: echo last}\n")
        await lab.store.open()
        waits = asyncio.Event()
        lab.on_event = lambda event: waits.set() if event.type == "run.waiting" else None
        claim = Claim("run", "runs", 1, "wait", "the test")
        groups = Groups(lab.folder / "state" / "groups")
        async with groups.place(claim, lambda holders: None, lambda reason: None):
            running = asyncio.ensure_future(execute(plan, lab.setup(), Control()))
            await waits.wait()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
        (record,) = await lab.store.runs()
        return record.data["state"], [each.data["state"] for each in await lab.store.all(record.key, "step")]

    assert asyncio.run(main()) == ("cancelled", ["cancelled", "cancelled"])
    assert lab.text == []


def test_a_run_below_does_not_wait_for_the_place_of_the_step_that_started_it(lab):
    child = "spec: 1\nname: c\nconcurrency: {group: r}\nsteps: {x: {run: echo, concurrency: {group: g}}}\n"
    text = "spec: 1\nname: p\nconcurrency: {group: r}\nsteps: {go: {workflow: c.yaml, concurrency: {group: g}}}\n"
    done = lab.play(text, files={"c.yaml": child})
    assert done.state == "succeeded"


BELOW = """
spec: 1
name: below
steps:
  x:
    matrix: {n: [1, 2, 3]}
    run: sleep 0.02; echo
    concurrency: {group: g, on_conflict: CONFLICT}
"""
ABOVE = "spec: 1\nname: p\nsteps: {go: {workflow: c.yaml, concurrency: {group: g}}}\n"


def test_runs_below_share_the_place_of_the_step_that_started_them(lab):
    seen = {"now": 0, "most": 0}

    def count(event):
        if event.step and event.step.startswith("x["):
            seen["now"] += {"step.started": 1, "step.succeeded": -1}.get(event.type, 0)
            seen["most"] = max(seen["most"], seen["now"])

    lab.on_event = count
    done = lab.play(ABOVE, files={"c.yaml": BELOW.replace("CONFLICT", "wait")})
    assert done.state == "succeeded"
    assert seen["most"] == 1


@pytest.mark.parametrize(("conflict", "words"), [("cancel_new", "is full"), ("cancel_old", "took its place")])
def test_who_is_too_late_for_a_shared_place_does_as_it_says(lab, conflict, words):
    child = BELOW.replace("CONFLICT", conflict).replace("sleep 0.02", "sleep 0.3")
    done = lab.play(ABOVE, files={"c.yaml": child})
    below = asyncio.run(lab.below(done.report.run))["go"]
    assert sorted(below.states.values()).count("succeeded") == 1
    assert all(words in step["message"] for step in below.report.steps.values() if step["state"] == "cancelled")


def test_a_leg_below_is_as_urgent_as_the_step_that_started_it(lab):
    child = "spec: 1\nname: c\nsteps: {x: {run: echo, concurrency: {group: g}}}\n"
    going = lab.folder / "all wait"
    text = f"""
spec: 1
name: p
steps:
  first: {{run: 'until [ -e "{going}" ]; do sleep 0.02; done', concurrency: {{group: g}}, priority: 50}}
  plain: {{run: echo, concurrency: {{group: g}}}}
  urgent: {{workflow: c.yaml, priority: 20}}
"""
    order, waiting = [], set()

    def note(event):
        if event.type == "step.started" and event.step in ("first", "plain", "x"):
            order.append(event.step)
        waiting.update([event.step] if event.type == "step.waiting" else [])
        if waiting == {"plain", "x"}:
            going.touch()

    lab.on_event = note
    assert lab.play(text, files={"c.yaml": child}).state == "succeeded"
    assert order == ["first", "x", "plain"]


def test_priorities_that_add_up_stay_in_order(tmp_path):
    from runner.run.groups import _Ticket

    tickets = [_Ticket(tmp_path, claim(priority=priority), 1) for priority in (-9000, -600, 0, 600, 9000)]
    names = [ticket.path.name for ticket in tickets]
    assert sorted(names) == names[::-1]
    for ticket in tickets:
        ticket.free()


@pytest.mark.parametrize("retry", ["", ", retry: {attempts: 2, on: [exit]}, allow_failure: true"])
def test_runs_below_with_and_without_a_group_never_wait_for_each_other(lab, retry):
    """One place for runs below: `a` has it and needs the group below, which `b` must not hold while it waits."""
    lab.max_parallel = 1
    child = "spec: 1\nname: c\nsteps: {x: {run: 'exit CODE', concurrency: {group: g}}}\n"
    text = f"""
spec: 1
name: p
steps:
  a: {{workflow: c.yaml}}
  b: {{workflow: d.yaml, concurrency: {{group: g}}{retry}}}
"""
    code = "1" if retry else "0"
    files = {"c.yaml": child.replace("CODE", "0"), "d.yaml": child.replace("name: c", "name: d").replace("CODE", code)}
    assert lab.play(text, files=files).state == "succeeded"


def test_a_run_that_is_stopped_already_may_end_before_its_place_is_taken(lab):
    """Asked to make room, it is not stopped a second time: that would end its `finally`."""
    old = whole() + "finally: {run: sleep 0.3; echo tidied}\n"
    stopped = asyncio.Event()

    def stop(event):
        if event.type == "step.started" and event.step == "a":
            lab.control.stop("by the test")
            stopped.set()

    async def main():
        lab.on_event = stop
        await lab.store.open()
        first = asyncio.create_task(execute(lab.planned(old), lab.setup(), lab.control))
        await stopped.wait()
        lab.on_event = None
        new = await execute(lab.planned(whole("two", "cancel_old")), lab.setup(), Control())
        return (await first), new

    first, new = asyncio.run(main())
    assert (first.state, first.steps["finally"]["state"], new.state) == ("cancelled", "succeeded", "succeeded")


# ---------------------------------------------------------------- the files

OTHER = """
import fcntl, json, os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
os.pwrite(fd, json.dumps({"who": "another process", "token": "t", "since": "0"}).encode(), 0)
print("held", flush=True)
time.sleep(60)
"""


def claim(**more):
    return replace(Claim("step", "g", 1, "wait", "me"), **more)


async def enter(groups, wanted, on_wait=lambda holders: None):
    async with groups.place(wanted, on_wait, lambda reason: None):
        return True


def test_a_process_that_was_killed_holds_nothing(tmp_path):
    path = tmp_path / f"{claim().digest}.0.lock"
    other = subprocess.Popen([sys.executable, "-c", OTHER, str(path)], stdout=subprocess.PIPE, text=True)
    waits = []

    async def main():
        groups = Groups(tmp_path)
        with pytest.raises(Busy) as caught:
            await enter(groups, claim(on_conflict="cancel_new"))
        assert caught.value.holders == ["another process"]
        entering = asyncio.ensure_future(enter(groups, claim(), waits.append))
        await asyncio.sleep(0.2)
        assert not entering.done()
        os.kill(other.pid, signal.SIGKILL)
        return await asyncio.wait_for(entering, 20)

    try:
        assert other.stdout.readline() == "held\n"
        assert asyncio.run(main())
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
    assert waits == [["another process"]]


def test_the_ticket_of_a_dead_process_is_no_obstacle(tmp_path):
    (tmp_path / f"{claim().digest}.waits.0000.{0:020d}.1.1").touch()
    assert asyncio.run(enter(Groups(tmp_path), claim()))
    assert list(tmp_path.iterdir()) == []


def test_who_waits_goes_first_also_before_a_newcomer_of_another_process(tmp_path):
    async def main():
        here, there = Groups(tmp_path), Groups(tmp_path)
        order = []

        async def one(groups, name, priority=0):
            async with groups.place(claim(priority=priority), lambda holders: None, lambda reason: None):
                order.append(name)
                await asyncio.sleep(0.5 if name == "first" else 0)

        tasks = [asyncio.ensure_future(one(here, "first"))]
        await asyncio.sleep(0.02)
        tasks.append(asyncio.ensure_future(one(here, "second")))
        await asyncio.sleep(0.02)
        tasks.append(asyncio.ensure_future(one(there, "third")))
        await asyncio.sleep(0.02)
        tasks.append(asyncio.ensure_future(one(Groups(tmp_path), "urgent", 5)))
        await asyncio.gather(*tasks)
        return order

    assert asyncio.run(main()) == ["first", "urgent", "second", "third"]


def test_whoever_was_asked_to_make_room_is_waited_for_and_nobody_else_is_asked(tmp_path):
    async def main():
        groups, asked = Groups(tmp_path), []
        leave = asyncio.Event()

        async def hold(name):
            async with groups.place(claim(limit=2, who=name), lambda holders: None, lambda reason: asked.append(name)):
                await leave.wait()

        holders = [asyncio.ensure_future(hold("a"))]
        await asyncio.sleep(0.02)
        holders.append(asyncio.ensure_future(hold("b")))
        await asyncio.sleep(0.02)
        new = asyncio.ensure_future(enter(groups, claim(limit=2, on_conflict="cancel_old")))
        await asyncio.sleep(0.4)
        assert not new.done()
        leave.set()
        await asyncio.gather(new, *holders)
        return asked

    assert asyncio.run(main()) == ["a"]


def test_a_file_that_nobody_understands_is_no_holder_to_ask(tmp_path):
    path = tmp_path / f"{claim().digest}.0.lock"
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER.replace("json.dumps({", "str({"), str(path)], stdout=subprocess.PIPE, text=True
    )

    async def main():
        entering = asyncio.ensure_future(enter(Groups(tmp_path), claim(on_conflict="cancel_old")))
        await asyncio.sleep(0.2)
        entering.cancel()
        await asyncio.gather(entering, return_exceptions=True)
        return [each.name for each in tmp_path.iterdir()]

    try:
        assert other.stdout.readline() == "held\n"
        assert asyncio.run(main()) == [path.name]
    finally:
        other.kill()
        other.wait()
        other.stdout.close()


def test_a_folder_that_cannot_be_used_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="the folder of concurrency groups"):
        asyncio.run(enter(Groups(tmp_path / "file" / "groups"), claim()))


def test_a_folder_of_somebody_else_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 987654)
    with pytest.raises(StoreError, match="belongs to somebody else"):
        asyncio.run(enter(Groups(tmp_path), claim()))


def test_what_a_file_says_is_read_with_care(tmp_path):
    from runner.run.groups import _json

    (tmp_path / "list").write_text(json.dumps([1]))
    (tmp_path / "half").write_text('{"a":')
    assert _json(tmp_path / "list") == _json(tmp_path / "half") == _json(tmp_path / "none") == {}


def test_a_lock_on_a_file_that_its_holder_just_removed_is_no_lock(tmp_path, monkeypatch):
    import fcntl

    from runner.run import groups

    path, flock, calls = tmp_path / "x.0.lock", fcntl.flock, []

    def remove_first(fd, how):
        flock(fd, how)
        calls.append(fd)
        if len(calls) == 1:
            path.unlink()

    monkeypatch.setattr(fcntl, "flock", remove_first)
    fd = groups._locked(path, create=True)
    assert len(calls) == 2
    assert os.fstat(fd).st_nlink == 1
    os.close(fd)
    assert groups._locked(tmp_path / "none") is None


def test_the_last_steps_may_have_groups_caches_and_templates_too(lab):
    text = """
spec: 1
name: last
templates:
  say:
    params: {words: {type: string}}
    step: {run: 'echo ${{ params.words }}', concurrency: {group: say}}
steps: {a: {run: exit 1, retry: {attempts: 1}}}
on_failure: {use: say, with: {words: failed}, cache: {key: k}}
finally: {use: say, with: {words: ended}, priority: 3, idempotent: false}
"""
    done = lab.play(text)
    again = lab.play(text)
    assert done.states == again.states == {"a": "failed", "on_failure": "succeeded", "finally": "succeeded"}
    assert [text for key, _, text in lab.text if key != "a"] == ["failed\n", "ended\n", "ended\n"]
    assert again.step("on_failure")["cached"]["run"] == done.report.run
