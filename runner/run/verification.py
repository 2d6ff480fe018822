"""Whether journals are whole, and whether the audit log has the very same events.

The journal is the record: first its chain is followed, then every copy is held against it. What waits for delivery is
no fault, what retention has removed is known by its tombstone; anything else that differs is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runner.errors import JournalBroken
from runner.records import dataclass
from runner.run.audit_port import AuditLog, Copy
from runner.run.event import GENESIS, Event, verify
from runner.run.ports import StateStore
from runner.run.stored import Tombstone

#: More events than any outbox holds.
_ALL = 2**31 - 1
#: Numbers that a sentence names before it says how many more there are.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Compared:
    """How the audit log's copies of a run differ from its journal, by number: not there, there without an event, not
    what was written (with what is wrong). `waiting` events are on their way or refused.
    """

    copies: int
    waiting: int
    missing: tuple[int, ...] = ()
    extra: tuple[int, ...] = ()
    altered: tuple[tuple[int, str], ...] = ()

    @property
    def equal(self) -> bool:
        """Whether the audit log has what it should have."""
        return not (self.missing or self.extra or self.altered)

    def told(self) -> str:
        """A sentence about the differences; empty when there are none."""
        altered = [f"{seq} ({problem})" for seq, problem in self.altered]
        parts = [("missing", self.missing), ("not in the journal", self.extra), ("altered", altered)]
        return "; ".join(f"{what}: event {_some(found)}" for what, found in parts if found)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one run: the number of its last event, the hash of that, how many of its first events retention
    has removed, what is wrong with the journal, and how the audit log compares (None: it was not asked).
    """

    run: str
    ok: bool
    events: int
    head: str | None
    error: str = ""
    hint: str = ""
    removed: int = 0
    audit: Compared | None = None


class Verification:
    """One look at a store and, where there is one, an audit log."""

    def __init__(self, store: StateStore, log: AuditLog | None) -> None:
        self._store = store
        self._log = log
        self._waiting: dict[str, set[int]] = {}
        self._stones: dict[tuple[str, str], Tombstone] = {}

    async def begin(self) -> None:
        """Read what holds for all runs. Raises StoreError."""
        if self._log is not None:
            for event in await self._undelivered():
                self._waiting.setdefault(event.run, set()).add(event.seq)
        self._stones = {(stone.run, stone.place): stone for stone in await self._store.tombstones()}

    async def _undelivered(self) -> list[Event]:
        try:
            return [*await self._store.outbox(_ALL), *(letter.event for letter in await self._store.dead(_ALL))]
        except JournalBroken:
            return []  # of which run, its own verdict says

    async def of(self, run: str) -> Verdict:
        """The verdict about one run. Raises StoreError, AuditError."""
        head = await self._store.head(run)
        seq, hash_ = head or (0, None)
        stone = self._stones.get((run, "journal"))
        start = (stone.seq, stone.hash) if stone else (0, GENESIS)
        try:
            events = await self._store.events(run)
            count = verify(events, run, head, start)
            if head is None:
                raise JournalBroken(  # noqa: TRY301 - one way to tell that a journal is broken
                    f"run {run}: the head of its journal is missing (events found: {count})",
                    "Restore the state folder from a backup.",
                )
        except JournalBroken as error:
            return Verdict(run, False, seq, hash_, error.message, error.hint, start[0])
        if self._log is None:
            return Verdict(run, True, count, hash_, removed=start[0])
        compared = self._compared(run, events, await self._log.copies(run))
        if compared.equal:
            return Verdict(run, True, count, hash_, removed=start[0], audit=compared)
        error_, hint = _differs(run, self._log, compared)
        return Verdict(run, False, count, hash_, error_, hint, start[0], compared)

    async def strangers(self) -> list[Verdict]:
        """Runs of which the audit log has events and the journal has never had any. Raises AuditError."""
        if self._log is None:
            return []
        known = await self._store.heads()
        counts = await self._log.counts()
        return [_stranger(run, count, self._log) for run, count in sorted(counts.items()) if run not in known]

    def _compared(self, run: str, events: Sequence[Event], copies: Sequence[Copy]) -> Compared:
        waiting = self._waiting.get(run, set())
        forgotten = self._last(run, "audit")
        # What only the audit log still has: its end is known by the tombstone of the journal.
        kept = self._last(run, "journal")
        wanted = {event.seq: event.hash for event in events}
        if (stone := self._stones.get((run, "journal"))) is not None:
            wanted[stone.seq] = stone.hash
        found = {copy.seq for copy in copies}
        absent = {seq for seq in wanted if seq > max(forgotten, kept)} - found
        return Compared(
            copies=len(copies),
            waiting=len(absent & waiting),
            missing=tuple(sorted(absent - waiting)),
            extra=tuple(sorted(seq for seq in found if seq not in wanted and not 0 < seq <= kept)),
            altered=_altered(wanted, copies),
        )

    def _last(self, run: str, place: str) -> int:
        stone = self._stones.get((run, place))
        return stone.seq if stone else 0


def _altered(wanted: Mapping[int, str], copies: Sequence[Copy]) -> tuple[tuple[int, str], ...]:
    found = []
    for copy in copies:
        if copy.problem:
            found.append((copy.seq, copy.problem))
        elif copy.seq in wanted and copy.hash != wanted[copy.seq]:
            found.append((copy.seq, "its hash is another"))
    return tuple(found)


def _differs(run: str, log: AuditLog, compared: Compared) -> tuple[str, str]:
    hint = f"The journal is the record: `runner audit ship --again {run}` writes its events there once more."
    if compared.extra:
        hint += " Events that the journal does not have were put in by somebody else."
    return f"run {run}: {log.name} differs from the journal; {compared.told()}", hint


def _stranger(run: str, count: int, log: AuditLog) -> Verdict:
    noun = "event" if count == 1 else "events"
    return Verdict(
        run,
        False,
        0,
        None,
        f"run {run}: {log.name} has {count} {noun} of it, the journal none",
        "The state folder is another one, or somebody put them in.",
        audit=Compared(count, 0),
    )


def _some(found: Sequence[object]) -> str:
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(map(str, found[:_NAMED])) + more
