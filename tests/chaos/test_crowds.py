"""Two hundred at once want the same thing, and one gets it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from runner.embedded.surreal.launch import launch
from runner.embedded.surreal.settings import Settings
from runner.errors import StoreConflict
from runner.run.event import EventDraft
from runner.run.ports import Change, StateStore
from runner.run.requests import Inbox, Request
from runner.wiring import open_store
from tests.chaos.world import World

MANY = 200
NOW = "2026-01-31T12:00:00.000000Z"
ASKING = '{"spec": 1, "name": "asking", "steps": {"gate": {"approve": {"prompt": "Go on?"}}}}'


async def winners(stores: list[StateStore], table: str, key: str) -> int:
    """How many of those who want to move the same document do, each through one of the stores."""

    async def claim(number: int) -> bool:
        event = EventDraft("step.started" if table == "step" else "run.resumed", NOW, None, None, {"by": number})
        try:
            await stores[number % len(stores)].commit("r", [Change(table, key, 1, {"owner": number})], [event])  # type: ignore[arg-type]
        except StoreConflict:
            return False
        return True

    return sum(await asyncio.gather(*(claim(number) for number in range(MANY))))


async def contested(stores: list[StateStore]) -> None:
    for store in stores:
        await store.open()
    begin = [Change("run", "r", 0, {"state": "running"}), Change("step", "a", 0, {"state": "ready"})]
    await stores[0].commit("r", begin, [EventDraft("run.created", NOW)])
    assert await winners(stores, "run", "r") == 1
    assert await winners(stores, "step", "a") == 1
    assert [event.type for event in await stores[-1].events("r")] == ["run.created", "run.resumed", "step.started"]
    for store in stores:
        await store.close()


def test_one_of_two_hundred_claims_of_a_run_and_of_a_leg_wins_in_one_process(tmp_path: Path) -> None:
    asyncio.run(contested([open_store(tmp_path)]))


def test_one_of_two_hundred_claims_of_a_run_and_of_a_leg_wins_over_the_gateway(tmp_path: Path) -> None:
    async def main() -> None:
        async with launch(Settings(str(tmp_path))):
            await contested([open_store(tmp_path) for _ in range(4)])

    asyncio.run(main())


def test_two_hundred_answers_to_one_question_are_one_decision(tmp_path: Path) -> None:
    world = World(tmp_path, ASKING, {})
    try:
        process = world.start(resume=False)
        world.turn(lambda: any(event.type == "approval.asked" for event in world.journal(world.run)))
        for number in range(MANY):
            action = "approve" if number % 2 else "reject"
            wish = Request(f"{number:020d}-crowd", action, "all", world.clock.now(), "gate", "approve-1")  # type: ignore[arg-type]
            Inbox(tmp_path, world.run).write(wish)
        world.turn(lambda: bool(process.task and process.task.done()))
        told = [event.type for event in world.journal(world.run)]
        assert told.count("approval.decided") == 1
        assert told.count("run.failed") == 1  # the first of them said no
        world.check_end()
    finally:
        world.close()
