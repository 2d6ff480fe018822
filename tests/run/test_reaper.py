"""Orphans: boxes of dead runs are freed, everybody else's are never touched."""

from __future__ import annotations

import asyncio
import json
import platform
import subprocess
import sys

import pytest

from runner.errors import BoxGone, ProviderOffline
from runner.run import owner as module
from runner.run.owner import label
from runner.run.ports import BoxRequest
from runner.run.reaper import reap
from runner.sandbox.fake import FakeSandbox


def dead() -> str:
    """The label of a process of this machine that has ended."""
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    return json.dumps({**label(), "pid": child.pid, "ticks": 1})


def reaped(lab, **labels):
    sandbox = FakeSandbox(lab.cloud)

    async def main():
        box = await sandbox.create(BoxRequest(labels=labels))
        return await reap(sandbox), box.id in lab.cloud.boxes

    return asyncio.run(main())


def test_a_box_whose_owner_is_dead_is_freed_and_told(lab):
    told, lives = reaped(lab, runner="1", run="r1", owner=dead())
    assert not lives
    assert len(told) == 1
    assert told[0].endswith("of run r1, whose process is dead")


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"run": "r1", "team": "somebody else's"},
        {"runner": "1", "run": "r1"},
        {"runner": "1", "run": "r1", "owner": "no json"},
        {"runner": "1", "run": "r1", "owner": "[1]"},
        {"runner": "1", "run": "r1", "owner": "[" * 100_000},
        {"runner": "1", "run": "r1", "owner": json.dumps(label())},
        {"runner": "1", "run": "r1", "owner": json.dumps({**label(), "place": "another machine", "ticks": 1})},
        {"runner": "1", "run": "r1", "owner": json.dumps({**label(), "pid": "1"})},
        {"runner": "1", "run": "r1", "owner": json.dumps({**label(), "pid": 2**80, "ticks": None})},
        {"runner": "1", "owner": json.dumps({**label(), "ticks": 1})},
    ],
)
def test_a_box_that_is_not_certainly_an_orphan_is_left_alone(lab, labels):
    told, lives = reaped(lab, **labels)
    assert told == []
    assert lives


def test_a_provider_in_trouble_is_left_alone(lab, monkeypatch):
    sandbox = FakeSandbox(lab.cloud)

    async def refuse(*_):
        raise ProviderOffline("nothing answers")

    async def gone(*_):
        raise BoxGone("not found")

    async def main():
        box = await sandbox.create(BoxRequest(labels={"runner": "1", "run": "r", "owner": dead()}))
        with monkeypatch.context() as patched:
            patched.setattr(sandbox, "list", refuse)
            assert await reap(sandbox) == []
        with monkeypatch.context() as patched:
            patched.setattr(sandbox, "connect", gone)
            assert await reap(sandbox) == []
        with monkeypatch.context() as patched:
            patched.setattr(box, "kill", lambda: asyncio.sleep(0, False))
            assert await reap(sandbox) == []

    asyncio.run(main())


def test_machines_of_one_name_and_containers_of_one_machine_are_places_of_their_own(monkeypatch, tmp_path):
    theirs = {**label(), "ticks": 1}
    assert module.is_dead(theirs)
    with monkeypatch.context() as patched:
        patched.setattr(module, "boot_id", lambda: "another boot, or another machine of this name")
        assert not module.is_dead(theirs)
    with monkeypatch.context() as patched:
        patched.setattr(module, "_PROC", tmp_path)
        assert not module.is_dead(theirs)


@pytest.mark.parametrize(
    ("error", "dead"), [(ProcessLookupError, True), (OverflowError, True), (PermissionError, False), (None, False)]
)
def test_a_process_that_this_user_may_not_see_lives(monkeypatch, error, dead):
    def kill(pid, number):
        if error is not None:
            raise error

    monkeypatch.setattr("os.kill", kill)
    assert module.is_dead({**label(), "pid": 2**30, "ticks": 1}) is dead


def test_a_label_tells_strangers_nothing_of_the_machine():
    told = json.dumps(label())
    assert platform.node() not in told
    assert module.boot_id() not in told


def test_boxes_of_a_run_that_can_be_gone_on_with_are_left_to_their_lease(lab):
    sandbox = FakeSandbox(lab.cloud)

    async def spared(run):
        return run == "r1"

    async def main():
        boxes = [
            await sandbox.create(BoxRequest(labels={"runner": "1", "run": run, "owner": dead()}))
            for run in ("r1", "r2")
        ]
        told = await reap(sandbox, spared)
        return told, [box.id in lab.cloud.boxes for box in boxes]

    told, live = asyncio.run(main())
    assert live == [True, False]
    assert [sentence.split("of run ")[1] for sentence in told] == ["r2, whose process is dead"]
