"""The lease that a run's process holds on it where processes of several machines work on one store.

A process of this machine can be looked at; one of another cannot: as long as it renews its lease it counts as alive,
and when the lease has run out, anybody may go on with its run. The store's own clock sets and judges leases. What keeps
two processes from writing one run is the revision of its record, lease or not: a lease decides who tries, and makes a
process that lost sight of the store stop before another one begins.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import field

from runner.compiler.canonical import Json
from runner.errors import RunRelieved, RunTaken, StoreError
from runner.records import dataclass
from runner.run.owner import is_alive, is_of_here
from runner.run.ports import StateStore
from runner.run.stored import Lease


def is_going_on(document: Mapping[str, Json], lease: Lease | None) -> bool:
    """Whether a process may be working on the run of this document, as far as can be known from here.

    A process of this machine is looked at. Of another one the lease decides; where there is none, as in states that one
    machine holds, it gets the benefit of the doubt.
    """
    owner = document.get("owner")
    if not isinstance(owner, dict):
        return lease is not None and lease.seconds > 0
    if lease is None or is_of_here(owner):
        return is_alive(owner)
    return lease.seconds > 0


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds: how long a lease lasts, how often it is renewed, and for how long an answer is waited for at least."""

    lasts: float = 30.0
    every: float = 10.0
    grace: float = 2.0


#: Those of every run.
TERMS = Terms()


def since_boot() -> float:
    """Seconds of a clock that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(slots=True)
class Relief:
    """What is to be done in a run and in those below it once the run is no longer this process's, or nothing of one of
    them can be written any more: then all of them are left as they are, for whoever goes on.
    """

    _told: list[Callable[[StoreError], None]] = field(default_factory=list)

    def also(self, tell: Callable[[StoreError], None]) -> None:
        """Let one more hear of it."""
        self._told.append(tell)

    def __call__(self, error: StoreError) -> None:
        for tell in self._told:
            tell(error)


@asynccontextmanager
async def leased(store: StateStore, run: str, before: Lease | None, relief: Relief) -> AsyncIterator[None]:
    """Hold the lease on a run inside the block, instead of `before`, which was seen when the run was judged to be free.

    When it is lost, to another process or because the store does not answer for as long as it lasts, `relief` hears of
    it. Raises RunTaken when another process was quicker, StoreError. In a store of one machine nothing is held.
    """
    if not store.shared:
        yield
        return
    terms, holder, began = TERMS, secrets.token_hex(16), since_boot()
    if not await store.claim(run, holder, terms.lasts, "" if before is None else before.holder):
        raise RunTaken(f"another process has just begun to go on with run {run}", f"runner status {run}")
    keeping = asyncio.ensure_future(_Keeper(store, run, holder, terms, relief).keep(began + terms.lasts))
    try:
        yield
        await _given_back(store, run, holder)
    except StoreError:
        raise  # it is another's by now, or the store cannot be reached: it runs out by itself
    except BaseException:
        await _given_back(store, run, holder)
        raise
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})


async def _given_back(store: StateStore, run: str, holder: str) -> None:
    with suppress(StoreError):
        await store.release(run, holder)


class _Keeper:
    """Renews one lease until it is cancelled, or until the lease is lost."""

    def __init__(self, store: StateStore, run: str, holder: str, terms: Terms, relief: Relief) -> None:
        self._store = store
        self._run = run
        self._holder = holder
        self._terms = terms
        self._relief = relief

    async def keep(self, end: float) -> None:
        """`end` is when the lease runs out, reckoned from before it was asked for."""
        terms = self._terms
        while True:
            await asyncio.sleep(terms.every)
            asked = since_boot()
            why = await self._renewed(end)
            if not why:
                end = asked + terms.lasts
            elif why != _LATER or since_boot() >= end:
                self._relief(RunRelieved(f"run {self._run} is let go: {_WORDS[why]}", f"runner resume {self._run}"))
                return

    async def _renewed(self, end: float) -> str:
        """Why it was not renewed; "" when it was."""
        asking = asyncio.ensure_future(self._store.renew(self._run, self._holder, self._terms.lasts))
        asking.add_done_callback(lambda done: done.cancelled() or done.exception())  # perhaps nobody waits for it
        # Not cancelled: a call to the store is finished before its cancellation goes on.
        await asyncio.wait({asking}, timeout=max(end - since_boot(), self._terms.grace))
        if not asking.done():
            return _SILENT
        try:
            return "" if asking.result() else _TAKEN
        except StoreError:
            return _LATER


_TAKEN, _SILENT, _LATER = "taken", "silent", "later"
_UNSEEN = "the state could not be reached for as long as its lease lasts, and another machine may go on with it"
_WORDS = {_TAKEN: "another process has taken over its lease", _SILENT: _UNSEEN, _LATER: _UNSEEN}
