"""The lease on a run in a store that several machines share: who may go on with it, and when its process lets go."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from runner.errors import RunRelieved, RunTaken, StoreError
from runner.run import lease as module
from runner.run.execute import execute
from runner.run.interrupt import Control
from runner.run.kept import load
from runner.run.lease import Terms, is_going_on
from runner.run.owner import owner
from runner.run.ports import Change
from runner.run.stored import Lease
from runner.sandbox.fake import FakeSandbox
from runner.store.memory import MemoryStore

HERE = owner()
ELSEWHERE = {**HERE, "host": "elsewhere", "place": "of another machine"}
DEAD = {**HERE, "pid": 2**22 + 1, "ticks": None}
VALID, OVER = Lease("h", 12.0), Lease("h", -1.0)


@pytest.mark.parametrize(
    ("document", "lease", "going_on"),
    [
        ({"owner": HERE}, None, True),
        ({"owner": HERE}, OVER, True),  # it is seen to be alive, and renews as soon as it can
        ({"owner": DEAD}, None, False),
        ({"owner": DEAD}, VALID, False),  # it is seen to be dead: nobody has to wait
        ({"owner": ELSEWHERE}, None, True),
        ({"owner": ELSEWHERE}, VALID, True),
        ({"owner": ELSEWHERE}, OVER, False),
        ({"owner": {**DEAD, "place": "another container of this machine"}}, VALID, True),
        ({"owner": {"host": HERE["host"], "boot": "before", "pid": 1}}, VALID, True),  # or a machine of the same name
        ({"owner": {"host": HERE["host"], "boot": "before", "pid": 1}}, None, False),
        ({"owner": {"host": HERE["host"], "boot": HERE["boot"], "pid": 2**22 + 1}}, VALID, False),
        ({}, None, False),
        ({}, VALID, True),
    ],
)
def test_whether_a_run_is_going_on(document, lease, going_on):
    assert is_going_on(document, lease) is going_on


# ---------------------------------------------------------------- a run that holds one


class Shared(MemoryStore):
    """As if several machines worked on it. `trouble` happens to each renewal; `told` has what was asked for."""

    shared = True

    def __init__(self):
        super().__init__()
        self.told = []
        self.trouble = None

    async def claim(self, *words):
        self.told.append("claim")
        return await super().claim(*words)

    async def renew(self, *words):
        self.told.append("renew")
        if self.trouble is not None:
            await self.trouble()
        return await super().renew(*words)

    async def release(self, *words):
        self.told.append("release")
        await super().release(*words)


TEXT = """
spec: 1
name: lab
steps:
  work: {run: "touch begun; while [ ! -e done ]; do sleep 0.05; done"}
finally: {run: touch cleaned}
"""


@pytest.fixture
def lab(lab):
    lab.store = Shared()
    return lab


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(module, "TERMS", Terms(lasts=30.0, every=0.05, grace=0.05))


@pytest.fixture
def brief(monkeypatch):
    monkeypatch.setattr(module, "TERMS", Terms(lasts=0.4, every=0.05, grace=0.05))


async def until(true):
    """Wait for something that is bound to happen."""
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - what is waited for is in a box, or of a process
            await asyncio.sleep(0.01)


def files(lab):
    return {name.name for box in lab.cloud.boxes.values() for name in Path(box.home).iterdir()}


async def begun(lab):
    """A run in the middle of its step; its id."""
    await lab.store.open()
    task = asyncio.ensure_future(execute(lab.planned(TEXT), lab.setup(), Control()))
    await until(lambda: "begun" in files(lab))
    (record,) = await lab.store.runs()
    return task, record.key


def finish(lab):
    for box in lab.cloud.boxes.values():
        Path(box.home, "done").touch()


def test_it_is_held_as_long_as_the_run_goes_on_and_then_given_back(lab):
    async def main():
        task, run = await begun(lab)
        held = await lab.store.leases()
        await until(lambda: lab.store.told.count("renew") > 2)
        finish(lab)
        return run, held, await task, await lab.store.leases()

    run, held, report, after = asyncio.run(main())
    assert (report.state, set(held), after) == ("succeeded", {run}, {})


def test_a_run_that_its_engine_gave_up_gives_it_back(lab):
    async def main():
        task, run = await begun(lab)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return (await lab.store.get(run, "run", run)).data["state"], await lab.store.leases()

    assert asyncio.run(main()) == ("cancelled", {})


def test_in_a_store_of_one_machine_nothing_is_held(lab):
    lab.store = MemoryStore()
    asyncio.run(lab.live(lab.planned("{spec: 1, name: lab, steps: {a: {run: 'true'}}}")))
    assert asyncio.run(lab.store.leases()) == {}


def test_a_run_that_cannot_be_written_down_holds_nothing(lab):
    (lab.folder / "state").mkdir()
    (lab.folder / "state" / "runs").write_text("in the way")

    async def main():
        await lab.store.open()
        with pytest.raises(StoreError):
            await execute(lab.planned(TEXT), lab.setup(), Control())

    asyncio.run(main())
    assert lab.store.told[0] == "claim"
    assert "renew" not in lab.store.told


def let_go(lab, change):
    """What is left when the process of a run loses its lease by `change`."""

    async def main():
        task, run = await begun(lab)
        head = await lab.store.head(run)
        change(run)
        with pytest.raises(RunRelieved) as told:
            await task
        assert await lab.store.head(run) == head, "it wrote something after it had lost its run"
        return told.value.message, (await lab.store.get(run, "run", run)).data["state"]

    message, state = asyncio.run(main())
    assert state == "running", "somebody can go on with it"
    assert lab.cloud.boxes, "its box is the next process's"
    assert "cleaned" not in files(lab), "`finally` is the next process's too"
    return message


def test_a_run_that_another_process_took_over_is_let_go(lab):
    def taken(run):
        lab.store._leases[run] = ("another", 1e12)

    assert "another process has taken over its lease" in let_go(lab, taken)
    assert "release" not in lab.store.told


def test_the_command_of_a_run_that_is_let_go_goes_on_in_a_box_that_outlives_it(lab):
    lab.cloud.lasting = True

    async def main():
        task, run = await begun(lab)
        lab.store._leases[run] = ("another", 1e12)
        with pytest.raises(RunRelieved):
            await task
        finish(lab)
        (box,) = lab.cloud.boxes.values()
        return {(await process.wait()).exit_code for process in box._processes}

    assert asyncio.run(main()) == {0}, "as after kill -9: another process goes on with it"


def test_a_run_whose_store_does_not_answer_is_let_go_before_another_begins(lab, brief):
    async def silent():
        await asyncio.sleep(3600)

    assert "could not be reached" in let_go(lab, lambda run: setattr(lab.store, "trouble", silent))


def test_a_run_whose_store_refuses_for_too_long_is_let_go(lab, brief):
    async def refusing():
        raise StoreError("gone")

    assert "could not be reached" in let_go(lab, lambda run: setattr(lab.store, "trouble", refusing))
    assert lab.store.told.count("renew") > 1


def test_a_store_that_comes_back_in_time_is_no_news(lab):
    failures = [1, 2]

    async def sometimes():
        if failures:
            failures.pop()
            raise StoreError("gone for a moment")

    async def main():
        lab.store.trouble = sometimes
        task, _ = await begun(lab)
        await until(lambda: lab.store.told.count("renew") > 4)
        finish(lab)
        return await task

    assert asyncio.run(main()).state == "succeeded"


def test_a_run_below_is_let_go_with_the_one_above(lab):
    below = {"below.yaml": TEXT.replace("name: lab", "name: below")}
    plan = lab.planned("{spec: 1, name: lab, steps: {call: {workflow: below.yaml}}}", files=below)

    async def main():
        await lab.store.open()
        task = asyncio.ensure_future(execute(plan, lab.setup(), Control()))
        await until(lambda: "begun" in files(lab))
        for run in await lab.store.leases():
            lab.store._leases[run] = ("another", 1e12)
        with pytest.raises(RunRelieved):
            await task
        return {record.data["state"] for record in await lab.store.runs()}, len(await lab.store.runs())

    assert asyncio.run(main()) == ({"running"}, 2)
    assert lab.cloud.boxes


# ---------------------------------------------------------------- several that want to go on with one run


def test_of_many_that_go_on_at_once_one_does(lab):
    plan = lab.planned(TEXT)

    async def main():
        task, run = await begun(lab)
        kept = [await load(lab.store, run) for _ in range(6)]
        assert kept[0].lease is not None
        tries = [asyncio.ensure_future(execute(plan, lab.setup(), Control(), each)) for each in kept]
        await until(lambda: sum(each.done() for each in tries) == 5)
        await until(task.done)
        finish(lab)
        return await asyncio.gather(task, *tries, return_exceptions=True)

    first, *others = asyncio.run(main())
    assert isinstance(first, RunRelieved)
    refused = [each for each in others if isinstance(each, RunTaken)]
    assert len(refused) == 5
    assert all(each.exit_code == 2 and "has just begun to go on" in each.message for each in refused)
    assert [each.state for each in others if not isinstance(each, Exception)] == ["succeeded"]


def test_what_was_moved_since_it_was_read_is_not_gone_on_with(lab):
    """A process that was taken for dead wrote once more: whoever goes on has to read that first."""
    plan = lab.planned(TEXT)

    async def main():
        task, run = await begun(lab)
        stale = await load(lab.store, run)
        await lab.store.commit(
            run, [Change("step", "finally", stale.tables["step"]["finally"].rev, {"state": "x"})], []
        )
        with pytest.raises(RunTaken):
            await execute(plan, lab.setup(), Control(), stale)
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(main())


class Untouched(FakeSandbox):
    """A provider that is not to be asked for anything."""

    async def connect(self, box_id):
        raise AssertionError("it touched a box of another process")


def test_whoever_read_an_older_revision_has_done_nothing(lab):
    """Without any lease: of two that read the same record one writes it first."""
    lab.store = MemoryStore()
    text = "{spec: 1, name: lab, steps: {a: {run: 'while [ ! -e done ]; do sleep 0.05; done'}}}"
    plan = lab.planned(text)

    async def main():
        await lab.store.open()
        first = asyncio.ensure_future(execute(plan, lab.setup(), Control()))
        # Its command has begun: it writes nothing more.
        await until(lambda: any('"began":1' in text for _, text in lab.store._records.values()))
        (record,) = await lab.store.runs()
        stale = await load(lab.store, record.key)
        strict = {name: Untouched(lab.cloud, name) for name in lab.providers}
        second = asyncio.ensure_future(execute(plan, lab.setup(), Control(), await load(lab.store, record.key)))
        await until(lambda: len(lab.store._events[record.key]) > len(stale.events))
        with pytest.raises(RunTaken):
            await execute(plan, replace(lab.setup(), providers=strict), Control(), stale)
        finish(lab)
        return await asyncio.gather(first, second, return_exceptions=True)

    relieved, report = asyncio.run(main())
    assert isinstance(relieved, RunRelieved)
    assert report.state == "succeeded"
