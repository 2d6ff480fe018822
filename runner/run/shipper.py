"""Carries events from the outbox of the state store to the audit log: at least once, in order, whatever fails.

A delivery is acknowledged in the store after the audit log has it; what was cut off in between is delivered again, and
is the same event again. Nothing here ever holds up a run: the journal is the record, the audit log a copy that lags.
Several shippers at once do double work and no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from runner.errors import AuditError, RunnerError, StoreError
from runner.records import dataclass
from runner.run.clock import iso
from runner.run.ports import AuditLog, Clock, DeadLetter, StateStore

#: Events of one delivery.
BATCH = 200
#: Seconds between two looks into the outbox when nobody says that there is something.
IDLE = 1.0
#: Seconds before a delivery is tried again: the first, and the most.
FIRST, MOST = 0.25, 30.0


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
        """Deliver for ever, until the task is cancelled or the store fails (StoreError). While the audit log fails, try
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
                await self._clock.sleep(self._pause(failed))
                continue
            if failed:
                failed, self.shipped.error = 0, None
                self._tell(f"audit: {self._log.name} takes events again")
            await self._news_or_idle()

    def _failed(self, error: AuditError, failed: int) -> None:
        self.shipped.failures += 1
        self.shipped.error = error
        if failed == 1:
            self._tell(f"audit: {error.message}; events wait in the state store")

    def _pause(self, failed: int) -> float:
        whole = min(FIRST * 2.0 ** min(failed - 1, 16), MOST)
        return whole * (0.5 + self._clock.random() / 2)

    async def _news_or_idle(self) -> None:
        waiting = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait({waiting}, timeout=IDLE)
        finally:
            waiting.cancel()


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
        shipper = self._shipper
        try:
            self._task.cancel()
            await asyncio.wait({self._task})
            await asyncio.wait_for(shipper.drain(), seconds)
        except (AuditError, StoreError) as error:
            shipper.shipped.error = error
        except TimeoutError:
            shipper.shipped.error = shipper.shipped.error or AuditError(f"{seconds:g} s were not enough")
        try:
            return lag(self._name, (await store.backlog()).waiting, shipper.shipped)
        except StoreError as error:
            return f"audit: {error.message}"

    async def _follow(self) -> None:
        try:
            await self._shipper.follow()
        except StoreError as error:
            # The run itself meets the same store, and says so.
            self._shipper.shipped.error = error


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
