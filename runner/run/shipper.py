"""Carries events from the outbox of the state store to the audit log: at least once, in order, whatever fails.

A delivery is acknowledged in the store after the audit log has it; what was cut off in between is delivered again, and
is the same event again. Nothing here ever holds up a run: the journal is the record, the audit log a copy that lags.
Several shippers at once do double work and no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from runner.errors import AuditError, RunnerError, StoreError
from runner.records import dataclass
from runner.run.audit_port import AuditLog
from runner.run.clock import iso
from runner.run.ports import Clock, StateStore
from runner.run.stored import DeadLetter

#: Events of one delivery.
BATCH = 200
#: Seconds between two looks into the outbox when nobody says that there is something.
IDLE = 1.0
#: Seconds before a delivery is tried again: the first, and the most.
FIRST, MOST = 0.25, 30.0
#: Seconds that a run which has ended waits for its last events to be delivered.
PATIENCE = 10.0
#: More events than are ever refused.
_ALL = 1_000_000


@dataclass(slots=True)
class Shipped:
    """What a shipper has done: events delivered and refused, failed deliveries, and the newest failure."""

    delivered: int = 0
    refused: int = 0
    failures: int = 0
    error: RunnerError | None = None


class Shipper:
    """One way from one store to one audit log. `tell` gets a sentence when deliveries begin to fail and when they work
    again.
    """

    def __init__(self, store: StateStore, log: AuditLog, clock: Clock, tell: Callable[[str], None] | None = None):
        self.shipped = Shipped()
        self._store = store
        self._log = log
        self._clock = clock
        self._tell = tell or (lambda sentence: None)
        self._news = asyncio.Event()
        self._ending = asyncio.Event()

    def wake(self) -> None:
        """Something may be in the outbox: look now."""
        self._news.set()

    async def once(self) -> bool:
        """Deliver one batch; whether there was one. Raises AuditError, StoreError."""
        events = await self._store.outbox(BATCH)
        if not events:
            return False
        await self._log.open()
        delivery = await self._log.deliver(events)
        if delivery.refused:
            now = iso(self._clock.now())
            await self._store.reject([DeadLetter(event, reason, now) for event, reason in delivery.refused])
        if delivery.accepted:
            await self._store.delivered(delivery.accepted)
        self.shipped.delivered += len(delivery.accepted)
        self.shipped.refused += len(delivery.refused)
        return bool(delivery.accepted or delivery.refused)

    async def drain(self) -> None:
        """Deliver until nothing is left. Raises AuditError, StoreError at the first failure."""
        while await self.once():
            pass

    async def follow(self) -> None:
        """Deliver what comes, until `end` is called or the store fails (StoreError). While the audit log fails, try
        again after a pause that grows to `MOST` seconds.
        """
        failed = 0
        while True:
            self._news.clear()
            try:
                await self.drain()
            except AuditError as error:
                failed += 1
                self._failed(error, failed)
                if self._ending.is_set():
                    return
                await self._unless_ending(self._clock.sleep(self._pause(failed)))
                continue
            if failed:
                failed, self.shipped.error = 0, None
                self._tell(f"audit: {self._log.name} takes events again")
            if self._ending.is_set() and not self._news.is_set():
                return
            await self._news_or_idle()

    def end(self) -> None:
        """Deliver what is there, and stop; a log that fails gets one more chance."""
        self._ending.set()
        self.wake()

    def _failed(self, error: AuditError, failed: int) -> None:
        self.shipped.failures += 1
        self.shipped.error = error
        if failed == 1:
            self._tell(f"audit: {error.message}; events wait in the state store")

    def _pause(self, failed: int) -> float:
        whole = min(FIRST * 2.0 ** min(failed - 1, 16), MOST)
        return whole * (0.5 + self._clock.random() / 2)

    async def _unless_ending(self, pause: Coroutine[Any, Any, None]) -> None:
        tasks = [asyncio.ensure_future(pause), asyncio.ensure_future(self._ending.wait())]
        await _first_of(tasks, None)

    async def _news_or_idle(self) -> None:
        await _first_of([asyncio.ensure_future(self._news.wait())], IDLE)


@dataclass(frozen=True, slots=True)
class Shipment:
    """What a delivery by hand or on a schedule has come to, and what is left."""

    delivered: int
    refused: int
    waiting: int
    dead: int


async def ship(
    shipper: Shipper, store: StateStore, *, dead: bool = False, way: Callable[[Shipper], Awaitable[Any]] = Shipper.drain
) -> Shipment:
    """Deliver what waits, with `dead` also what was refused before. Raises AuditError, StoreError."""
    if dead:
        await store.revive([letter.event for letter in await store.dead(_ALL)])
    await way(shipper)
    left = await store.backlog()
    return Shipment(shipper.shipped.delivered, shipper.shipped.refused, left.waiting, left.dead)


async def _first_of(tasks: Sequence[asyncio.Future[Any]], seconds: float | None) -> None:
    """Wait for one of the tasks, at most so long, and end the others."""
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


class Shipping:
    """A shipper at work beside a run: it begins at once, and has a bounded time after the run's end."""

    def __init__(self, shipper: Shipper, name: str) -> None:
        self._shipper = shipper
        self._name = name
        self._task = asyncio.ensure_future(self._follow())

    def wake(self) -> None:
        """An event was written."""
        self._shipper.wake()

    async def finish(self, store: StateStore, seconds: float) -> str:
        """Stop after at most `seconds`; a sentence about what the audit log has not got, empty when it has everything.

        Raises nothing: the run is over, and its journal whole.
        """
        shipped = self._shipper.shipped
        self._shipper.end()
        _, late = await asyncio.wait({self._task}, timeout=seconds)
        if late:
            self._task.cancel()
            await asyncio.wait({self._task})
            shipped.error = shipped.error or AuditError(f"{seconds:g} s were not enough")
        try:
            return lag(self._name, (await store.backlog()).waiting, shipped)
        except StoreError as error:
            return f"audit: {error.message}"

    async def _follow(self) -> None:
        try:
            await self._shipper.follow()
        except RunnerError as error:
            # Of the store: the run itself meets it too, and says so.
            self._shipper.shipped.error = error


@asynccontextmanager
async def shipped(
    store: StateStore, log: AuditLog | None, clock: Clock, tell: Callable[[str], None]
) -> AsyncIterator[Callable[[], None]]:
    """Deliver while the block lasts, and for at most `PATIENCE` seconds more; then close the log. Gives what to call
    when an event was written. `tell` gets a sentence about what was not delivered: it stays in the store.
    """
    if log is None:
        yield lambda: None
        return
    shipping = Shipping(Shipper(store, log, clock, tell), log.name)
    try:
        yield shipping.wake
    finally:
        left = await shipping.finish(store, PATIENCE)
        if left:
            tell(left)
        await log.close()


def lag(name: str, waiting: int, shipped: Shipped) -> str:
    """A sentence about what an audit log has not got; empty when it has everything."""
    sentences = []
    if waiting:
        why = f" ({shipped.error.message})" if shipped.error else ""
        verb = "1 event waits" if waiting == 1 else f"{waiting} events wait"
        sentences.append(f"{verb} for {name}{why}; deliver with `runner audit ship`")
    if shipped.refused:
        what = "1 event was" if shipped.refused == 1 else f"{shipped.refused} events were"
        sentences.append(f"{what} refused; see `runner audit status`")
    return "audit: " + "; ".join(sentences) if sentences else ""
