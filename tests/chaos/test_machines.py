"""A bounded part of what `python -m tests.chaos` runs more of: random workflows under random schedules of faults."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from runner.errors import JournalBroken, StoreConflict
from runner.run.event import EventDraft
from runner.run.ports import Change
from runner.store.memory import MemoryStore
from tests.chaos.machines import machines
from tests.chaos.specs import CHILD
from tests.chaos.world import World


def test_whatever_dies_or_fails_nothing_is_lost_or_done_twice_and_the_run_ends() -> None:
    machines(80, fixed=True)


def test_the_machines_see_what_they_are_there_for(tmp_path: Path) -> None:
    """A world in which the store forgets an event, and one in which a document is changed behind the journal's back."""
    for harm in ("event", "document", "box"):
        world = World(tmp_path / harm, CHILD, {})
        process = world.start(resume=False)
        world.turn(lambda process=process: bool(process.task and process.task.done()))
        world.check_end()
        events, run = world.store._events[world.run], world.run
        if harm == "event":
            events.pop(max(events))
        elif harm == "document":
            rev, text = world.store._records["step", run, "one"]
            world.store._records["step", run, "one"] = (rev, text.replace('"succeeded"', '"failed"'))
        else:
            world.begins({"RUNNER_RUN": run, "RUNNER_STEP": "one", "RUNNER_ATTEMPT": "2"})
        with pytest.raises((AssertionError, JournalBroken), match=r"lost|after its journal|after it had succeeded"):
            world.check_end()
        world.close()


def test_two_hundred_claims_of_one_run_have_one_winner() -> None:
    async def main() -> None:
        store = MemoryStore()
        await store.open()
        created = EventDraft("run.created", "2026-01-31T12:00:00.000000Z")
        await store.commit("r", [Change("run", "r", 0, {"state": "running"})], [created])

        async def claim(number: int) -> bool:
            try:
                await store.commit("r", [Change("run", "r", 1, {"owner": number})], [created])
            except StoreConflict:
                return False
            return True

        assert sum(await asyncio.gather(*(claim(number) for number in range(200)))) == 1
        assert len(await store.events("r")) == 2

    asyncio.run(main())
