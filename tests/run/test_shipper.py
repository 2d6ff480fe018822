from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from runner.errors import AuditOffline, AuditRefused, StoreError
from runner.run.audit_port import AuditHit, AuditQuery, Copy, Delivery
from runner.run.event import Event, EventDraft
from runner.run.shipper import BATCH, FIRST, MOST, Shipped, Shipper, Shipping, lag, shipped
from runner.run.stored import Backlog
from runner.store.memory import MemoryStore

TS = "2026-01-31T12:00:00.000000Z"


class Log:
    """An audit log in memory that can be down, slow, and refuse events."""

    name = "the log"

    def __init__(self) -> None:
        self.events: dict[tuple[str, int], Event] = {}
        self.deliveries: list[int] = []
        self.down: Exception | None = None
        self.refuses: Callable[[Event], bool] = lambda event: False
        self.calls = 0
        self.closed = False
        self.slow = asyncio.Event()
        self.slow.set()

    async def open(self) -> None:
        if self.down is not None:
            raise self.down

    async def close(self) -> None:
        self.closed = True

    async def deliver(self, events: Sequence[Event], anew: bool = False) -> Delivery:
        self.calls += 1
        await self.slow.wait()
        await self.open()
        self.deliveries.append(len(events))
        refused = [event for event in events if self.refuses(event)]
        accepted = [event for event in events if not self.refuses(event)]
        self.events |= {(event.run, event.seq): event for event in accepted}
        return Delivery(tuple(accepted), tuple((event, "too odd") for event in refused))

    async def search(self, query: AuditQuery) -> list[AuditHit]:
        raise NotImplementedError

    async def copies(self, run: str) -> list[Copy]:
        raise NotImplementedError

    async def counts(self) -> dict[str, int]:
        raise NotImplementedError

    async def forget(self, run: str, seq: int) -> None:
        raise NotImplementedError


class Clock:
    """Remembers how long was slept; sleeping takes one turn of the loop."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.on_sleep: Callable[[], None] = lambda: None

    def now(self) -> float:
        return 1_769_860_800.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.on_sleep()
        await asyncio.sleep(0)

    def random(self) -> float:
        return 1.0


async def filled(events: int) -> MemoryStore:
    store = MemoryStore()
    await store.open()
    await store.commit("r", [], [EventDraft("step.ready", TS, "a", 1, {"n": number}) for number in range(events)])
    return store


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(2000):
        if holds():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came")


def test_everything_is_delivered_in_batches_and_order() -> None:
    async def main() -> None:
        store, log = await filled(2 * BATCH + 1), Log()
        shipper = Shipper(store, log, Clock())
        await shipper.drain()
        assert log.deliveries == [BATCH, BATCH, 1]
        assert list(log.events.values()) == await store.events("r")
        assert await store.backlog() == Backlog(0, None, 0)
        assert shipper.shipped.delivered == 2 * BATCH + 1

    asyncio.run(main())


def test_what_the_log_refuses_for_itself_becomes_a_dead_letter_with_its_reason() -> None:
    async def main() -> None:
        store, log = await filled(5), Log()
        log.refuses = lambda event: event.seq in (2, 4)
        shipper = Shipper(store, log, Clock())
        await shipper.drain()
        assert [seq for _, seq in log.events] == [1, 3, 5]
        assert [(letter.event.seq, letter.reason, letter.since) for letter in await store.dead()] == [
            (2, "too odd", "2026-01-31T12:00:00.000000Z"),
            (4, "too odd", "2026-01-31T12:00:00.000000Z"),
        ]
        log.refuses = lambda event: event.seq == 4
        await store.revive([letter.event for letter in await store.dead()])
        await shipper.drain()
        assert [seq for _, seq in log.events] == [1, 3, 5, 2]
        assert [letter.event.seq for letter in await store.dead()] == [4]
        log.refuses = lambda event: True
        await store.commit("r", [], [EventDraft("step.ready", TS)])
        await shipper.drain()
        assert shipper.shipped.refused == 4

    asyncio.run(main())


def test_a_log_that_takes_nothing_and_refuses_nothing_does_not_keep_it_busy_for_ever() -> None:
    class Deaf(Log):
        async def deliver(self, events: Sequence[Event], anew: bool = False) -> Delivery:
            return Delivery(())

    async def main() -> None:
        store = await filled(3)
        await Shipper(store, Deaf(), Clock()).drain()
        assert (await store.backlog()).waiting == 3

    asyncio.run(main())


def test_a_delivery_that_was_not_acknowledged_is_made_again() -> None:
    class Forgetful(MemoryStore):
        fails = True

        async def delivered(self, events: Sequence[Event]) -> None:
            if self.fails:
                raise StoreError("cut off")
            await super().delivered(events)

    async def main() -> None:
        store, log = Forgetful(), Log()
        await store.open()
        await store.commit("r", [], [EventDraft("step.ready", TS)])
        with pytest.raises(StoreError):
            await Shipper(store, log, Clock()).drain()
        store.fails = False
        await Shipper(store, log, Clock()).drain()
        assert log.deliveries == [1, 1]
        assert list(log.events.values()) == await store.events("r")

    asyncio.run(main())


def test_while_the_log_is_down_pauses_grow_and_then_all_comes_through() -> None:
    async def main() -> None:
        store, log, clock, told = await filled(3), Log(), Clock(), []
        log.down = AuditOffline("nobody there")

        def came_back() -> None:
            if len(clock.slept) == 12:
                log.down = None

        clock.on_sleep = came_back
        shipper = Shipper(store, log, clock, told.append)
        task = asyncio.ensure_future(shipper.follow())
        await until(lambda: len(log.events) == 3)
        await store.commit("r", [], [EventDraft("step.ready", TS)])
        shipper.wake()
        await until(lambda: len(log.events) == 4)
        shipper.end()
        await task
        assert clock.slept[:3] == [FIRST, 2 * FIRST, 4 * FIRST]
        assert max(clock.slept) == clock.slept[-1] == MOST
        assert told == ["audit: nobody there; events wait in the state store", "audit: the log takes events again"]
        assert (shipper.shipped.failures, shipper.shipped.error) == (12, None)

    asyncio.run(main())


def test_chance_spreads_the_pauses_of_many_shippers() -> None:
    class Low(Clock):
        def random(self) -> float:
            return 0.0

    async def main() -> None:
        log, clock = Log(), Low()
        log.down = AuditOffline("nobody there")
        task = asyncio.ensure_future(Shipper(await filled(1), log, clock).follow())
        await until(lambda: len(clock.slept) >= 2)
        task.cancel()
        assert clock.slept[:2] == [FIRST / 2, FIRST]

    asyncio.run(main())


def test_beside_a_run_it_ends_with_the_run_and_says_nothing_when_all_is_there() -> None:
    async def main() -> None:
        store, log = await filled(0), Log()
        shipping = Shipping(Shipper(store, log, Clock()), log.name)
        for number in range(3):
            await store.commit("r", [], [EventDraft("step.ready", TS, data={"n": number})])
            shipping.wake()
            await until(lambda wanted=number + 1: len(log.events) == wanted)  # type: ignore[misc]
        await store.commit("r", [], [EventDraft("step.ready", TS)])
        assert await shipping.finish(store, 5.0) == ""
        assert len(log.events) == 4

    asyncio.run(main())


def test_a_run_is_not_held_up_by_a_log_that_does_not_answer() -> None:
    async def main() -> None:
        store, log = await filled(2), Log()
        log.slow.clear()
        shipping = Shipping(Shipper(store, log, Clock()), log.name)
        await asyncio.sleep(0)
        said = await shipping.finish(store, 0.01)
        assert said == ("audit: 2 events wait for the log (0.01 s were not enough); deliver with `runner audit ship`")
        assert (await store.backlog()).waiting == 2

    asyncio.run(main())


def test_a_run_tells_what_the_log_refused_and_why_events_wait() -> None:
    async def main() -> None:
        store, log = await filled(2), Log()
        log.refuses = lambda event: event.seq == 1
        shipping = Shipping(Shipper(store, log, Clock()), log.name)
        assert await shipping.finish(store, 5.0) == "audit: 1 event was refused; see `runner audit status`"
        await store.commit("r", [], [EventDraft("step.ready", TS)])
        log.down = AuditRefused("the log refuses the key")
        shipping = Shipping(Shipper(store, log, Clock()), log.name)
        said = await shipping.finish(store, 5.0)
        assert said.startswith("audit: 1 event waits for the log (the log refuses the key); deliver with")

    asyncio.run(main())


def test_the_end_cuts_a_pause_short_and_gives_the_log_one_more_chance() -> None:
    class Waiting(Clock):
        async def sleep(self, seconds: float) -> None:
            self.slept.append(seconds)
            await asyncio.Event().wait()

    async def main(comes_back: bool) -> str:
        store, log, clock = await filled(2), Log(), Waiting()
        log.down = AuditOffline("nobody there")
        shipping = Shipping(Shipper(store, log, clock), log.name)
        await until(lambda: bool(clock.slept))
        if comes_back:
            log.down = None
        return await shipping.finish(store, 5.0)

    assert asyncio.run(main(comes_back=True)) == ""
    assert asyncio.run(main(comes_back=False)).startswith("audit: 2 events wait for the log (nobody there)")


def test_what_comes_while_the_last_is_delivered_is_delivered_too() -> None:
    async def main() -> None:
        store, log = await filled(1), Log()
        shipper = Shipper(store, log, Clock())
        log.slow.clear()
        task = asyncio.ensure_future(shipper.follow())
        await until(lambda: log.calls == 1)
        shipper.end()
        await store.commit("r", [], [EventDraft("step.ready", TS)])
        log.slow.set()
        await task
        assert len(log.events) == 2

    asyncio.run(main())


@pytest.mark.parametrize("down", [False, True])
def test_a_block_delivers_while_it_lasts_and_closes_the_log(down: bool) -> None:
    async def main() -> None:
        store, log, told = await filled(1), Log(), []
        if down:
            log.down = AuditOffline("nobody there")
        async with shipped(store, log, Clock(), told.append) as wake:
            await store.commit("r", [], [EventDraft("step.ready", TS)])
            wake()
            await until(lambda: bool(told) if down else len(log.events) == 2)
        assert log.closed
        assert len(told) == (2 if down else 0)

    asyncio.run(main())


def test_without_an_audit_log_events_wait() -> None:
    async def main() -> None:
        store = await filled(1)
        async with shipped(store, None, Clock(), [].append) as wake:
            wake()
        assert (await store.backlog()).waiting == 1

    asyncio.run(main())


def test_a_store_that_fails_is_told_and_raises_nothing() -> None:
    async def main() -> None:
        store, log = await filled(1), Log()
        shipping = Shipping(Shipper(store, log, Clock()), log.name)
        await store.close()
        shipping.wake()
        for _ in range(5):
            await asyncio.sleep(0)
        assert await shipping.finish(store, 5.0) == "audit: the state store is not open"

    asyncio.run(main())


def test_a_run_that_left_nothing_says_nothing() -> None:
    assert lag("the log", 0, Shipped()) == ""
    assert lag("the log", 0, Shipped(refused=2)) == "audit: 2 events were refused; see `runner audit status`"
    assert lag("the log", 7, Shipped()) == "audit: 7 events wait for the log; deliver with `runner audit ship`"
