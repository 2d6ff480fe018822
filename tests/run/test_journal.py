"""The writer of a run: order, company, durability, failure."""

from __future__ import annotations

import asyncio

import pytest

from runner.errors import IllegalMove, RunRelieved, StoreFull
from runner.run.journal import Journal
from runner.run.mask import Mask


class Recording:
    """Passes commits on and remembers them; may fail."""

    def __init__(self, store):
        self.store, self.commits, self.error = store, [], None
        self.committed = asyncio.Semaphore(0)

    async def commit(self, run, changes, events):
        if self.error:
            raise self.error
        moved = [(each.table, each.key, each.rev) for each in changes if each.data is not None]
        self.commits.append((moved, [each.type for each in events]))
        await asyncio.sleep(0)
        self.committed.release()
        return await self.store.commit(run, changes, events)


@pytest.fixture
def journal(lab):
    recording = Recording(lab.store)
    made = Journal(recording, "r", lab.clock, Mask(["hunter22"]))
    made.recording = recording
    return made


def open_(lab, body):
    async def main():
        await lab.store.open()
        await body()

    asyncio.run(main())


def test_what_is_queued_together_is_one_transaction(lab, journal):
    async def body():
        journal.put("step", "a", {"state": "pending"})
        journal.move_step("a", "ready", journal.fact("step.ready", step="a"))
        journal.move_step("a", "running", journal.fact("step.started", step="a", attempt=1), attempt=1)
        await journal.sync()
        journal.move_step("a", "succeeded", journal.fact("step.succeeded", step="a"))
        await journal.sync()
        record = await lab.store.get("r", "step", "a")
        assert record.rev == 2
        assert record.data == {"state": "succeeded", "attempt": 1}

    open_(lab, body)
    assert journal.recording.commits == [
        ([("step", "a", 0), ("attempt", "a#1", 0)], ["step.ready", "step.started"]),
        ([("step", "a", 1), ("attempt", "a#1", 1)], ["step.succeeded"]),
    ]


def test_nothing_waits_long_for_company(lab, journal):
    async def body():
        journal.put("step", "a", {"state": "pending"})
        await journal.recording.committed.acquire()
        journal.put("step", "b", {"state": "pending"})
        await journal.recording.committed.acquire()

    open_(lab, body)
    assert [changes for changes, _ in journal.recording.commits] == [[("step", "a", 0)], [("step", "b", 0)]]


def test_what_comes_during_a_commit_goes_into_the_next(lab, journal):
    async def body():
        journal.put("step", "a", {"state": "pending"})
        first = asyncio.ensure_future(journal.sync())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        journal.put("step", "b", {"state": "pending"})
        await asyncio.gather(first, journal.sync())

    open_(lab, body)
    assert [changes for changes, _ in journal.recording.commits] == [[("step", "a", 0)], [("step", "b", 0)]]


def test_a_store_that_failed_answers_every_later_sync(lab, journal):
    async def body():
        journal.recording.error = StoreFull("full")
        journal.put("step", "a", {"state": "pending"})
        for _ in range(2):
            with pytest.raises(StoreFull):
                await journal.sync()
        journal.put("step", "a", {"state": "pending"})
        await asyncio.sleep(0.02)
        with pytest.raises(StoreFull):
            await journal.sync()

    open_(lab, body)
    assert journal.recording.commits == []


def test_a_cancelled_caller_loses_nothing(lab, journal):
    async def body():
        journal.put("step", "a", {"state": "pending"})
        task = asyncio.ensure_future(journal.sync())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await journal.sync()
        assert (await lab.store.get("r", "step", "a")).rev == 1

    open_(lab, body)


def test_forbidden_moves_are_refused_before_anything_is_queued(lab, journal):
    async def body():
        journal.put("step", "a", {"state": "pending"})
        journal.put("run", "r", {"state": "pending"})
        with pytest.raises(IllegalMove):
            journal.move_step("a", "succeeded", journal.fact("step.succeeded"))
        with pytest.raises(IllegalMove):
            journal.move_run("succeeded", journal.fact("run.succeeded"))
        await journal.sync()

    open_(lab, body)
    assert journal.recording.commits[0][1] == []


def test_texts_are_masked_and_states_are_not(lab, journal):
    async def body():
        journal.put("step", "hunter22", {"state": "pending", "message": "is hunter22", "outputs": {"a": "hunter22"}})
        fact = journal.fact("step.ready", {"message": "hunter22"})
        assert fact.data == {"message": "***"}
        assert journal.document("step", "hunter22")["message"] == "is ***"
        assert journal.documents("step")["hunter22"]["outputs"] == {"a": "***"}
        await journal.sync()

    open_(lab, body)


def test_a_process_that_was_relieved_writes_nothing_more(lab, journal):
    other = Journal(lab.store, "r", lab.clock, Mask([]))

    async def body():
        journal.put("run", "r", {"state": "running"}, journal.fact("run.started"))
        await journal.sync()
        other.restore("run", await lab.store.get("r", "run", "r"))
        other.put("run", "r", {"owner": "other"}, other.fact("run.resumed"))
        await other.sync()
        journal.put("step", "a", {"state": "succeeded"}, journal.fact("step.succeeded", step="a"))
        with pytest.raises(RunRelieved, match="another process goes on with run r"):
            await journal.sync()
        assert await lab.store.get("r", "step", "a") is None
        assert [event.type for event in await lab.store.events("r")] == ["run.started", "run.resumed"]

    open_(lab, body)


def test_a_process_that_ends_in_the_middle_of_a_commit_says_nothing_of_it(lab, journal):
    told, began = [], asyncio.Event()

    async def endless(run, changes, events):
        began.set()
        await asyncio.sleep(3600)

    async def body():
        asyncio.get_running_loop().set_exception_handler(lambda loop, about: told.append(about))
        journal.recording.commit = endless
        journal.put("step", "a", {"state": "pending"})
        await began.wait()

    open_(lab, body)
    assert told == []
