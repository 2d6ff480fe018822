"""What one state transition costs: SurrealDB embedded, memory, SQLite and the bare disk, commit by commit."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness import BenchmarkFailed, Case, Section, Timing, interleaved, span, table, times
from runner.compiler.canonical import canonical
from runner.run.event import GENESIS, Event, EventDraft, seal, verify
from runner.run.ports import Change, StateStore

RUN = "bench"
SUBJECT = "SurrealDB embedded, fsync on"
MEMORY = "MemoryStore (no disk)"
SQLITE = "SQLite, WAL, synchronous=FULL"
DISK = "append one line to a file + fsync"
BUDGET = 0.004
FULL, QUICK = 1000, 100
_EDGE = 100


def run(work: Path, quick: bool) -> Section:
    """Commit the same transitions to every store in turns, then verify every journal."""
    commits = QUICK if quick else FULL
    loop = asyncio.new_event_loop()
    try:
        stores = loop.run_until_complete(_open(work))
        sqlite, disk = _Sqlite(work / "sqlite.db"), _Disk(work / "disk.log")
        subjects: dict[str, Callable[[int], object]] = {name: _committer(loop, store) for name, store in stores.items()}
        subjects |= {SQLITE: sqlite.commit, DISK: disk.append}
        timings = interleaved([_case(name, commit) for name, commit in subjects.items()], commits)
        for name, store in stores.items():
            _prove(name, loop.run_until_complete(store.events(RUN)), commits)
            loop.run_until_complete(store.close())
        _prove(SQLITE, sqlite.events(), commits)
        disk.prove(commits)
    finally:
        loop.close()
    for name in (SUBJECT, SQLITE):
        if timings[name].median < 0.7 * timings[DISK].median:
            raise BenchmarkFailed(f"{name} answers faster than the disk can keep a line: it does not wait for fsync")
    return _section(timings, commits)


async def _open(work: Path) -> dict[str, StateStore]:
    try:
        from runner.store.memory import MemoryStore
        from runner.store.surreal import SurrealStore
    except ImportError as error:
        raise BenchmarkFailed(f"the stores cannot be imported: {error}") from error
    stores: dict[str, StateStore] = {SUBJECT: SurrealStore(work / "surreal"), MEMORY: MemoryStore()}
    for store in stores.values():
        await store.open()
    return stores


def draft(n: int) -> EventDraft:
    """The event of a transition."""
    return EventDraft("step.started", f"2026-01-01T00:00:00.{n:06}Z", f"s{n}", 1, {"provider": "e2b", "box": "b1"})


def document(n: int) -> dict[str, Any]:
    """The document that it leaves."""
    return {"state": "running", "attempt": n, "outputs": {"bytes": n}, "message": "", "box": "b1"}


def _committer(loop: asyncio.AbstractEventLoop, store: StateStore) -> Callable[[int], object]:
    def commit(n: int) -> object:
        change = Change("step", "one", n, document(n))
        return loop.run_until_complete(store.commit(RUN, [change], [draft(n)]))

    return commit


def _case(name: str, commit: Callable[[int], object]) -> Case:
    numbers = iter(range(10**9))
    return Case(name, lambda: commit(next(numbers)))


class _Sqlite:
    """The same transition by hand: compare-and-set of a record, a sealed event, an outbox row, the head."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.executescript(
            "CREATE TABLE step (run, key, rev, body, PRIMARY KEY (run, key));"
            "CREATE TABLE event (run, seq, body, PRIMARY KEY (run, seq));"
            "CREATE TABLE outbox (run, seq, PRIMARY KEY (run, seq));"
            "CREATE TABLE head (run PRIMARY KEY, seq, hash);"
        )

    def commit(self, n: int) -> None:
        """Move the record from revision n to n + 1 and write its event."""
        self.db.execute("BEGIN IMMEDIATE")
        seq, prev = self.db.execute("SELECT seq, hash FROM head WHERE run = ?", (RUN,)).fetchone() or (0, GENESIS)
        event = seal(draft(n), RUN, seq + 1, prev)
        found = self.db.execute("SELECT rev FROM step WHERE run = ? AND key = 'one'", (RUN,)).fetchone() or (0,)
        if found[0] != n:
            raise BenchmarkFailed(f"SQLite holds revision {found[0]} where {n} was expected")
        body = canonical(document(n)).decode()
        self.db.execute("INSERT OR REPLACE INTO step VALUES (?, 'one', ?, ?)", (RUN, n + 1, body))
        self.db.execute("INSERT INTO event VALUES (?, ?, ?)", (RUN, event.seq, canonical(event.to_json()).decode()))
        self.db.execute("INSERT INTO outbox VALUES (?, ?)", (RUN, event.seq))
        self.db.execute("INSERT OR REPLACE INTO head VALUES (?, ?, ?)", (RUN, event.seq, event.hash))
        self.db.execute("COMMIT")

    def events(self) -> list[Event]:
        """The journal, then the file is closed."""
        import json

        rows = self.db.execute("SELECT body FROM event WHERE run = ? ORDER BY seq", (RUN,)).fetchall()
        self.db.close()
        return [Event.from_json(json.loads(body)) for (body,) in rows]


class _Disk:
    """The least that durability can cost: one line appended and brought to the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def append(self, n: int) -> None:
        """Write one event and wait for the disk."""
        os.write(self.fd, canonical(seal(draft(n), RUN, n + 1, GENESIS).to_json()) + b"\n")
        os.fsync(self.fd)

    def prove(self, commits: int) -> None:
        """Every line is there."""
        os.close(self.fd)
        lines = len(self.path.read_bytes().splitlines())
        if lines != commits:
            raise BenchmarkFailed(f"the file holds {lines} lines after {commits} appends")


def _prove(name: str, events: list[Event], commits: int) -> None:
    if verify(events, RUN) != commits:
        raise BenchmarkFailed(f"{name}: the journal holds {len(events)} events after {commits} commits")


def _section(timings: dict[str, Timing], commits: int) -> Section:
    floor, ours = timings[DISK].median, timings[SUBJECT].median
    edge = min(_EDGE, commits // 3)
    rows = []
    for name, timing in timings.items():
        growth = median(timing.seconds[-edge:]) / median(timing.seconds[:edge])
        p95 = sorted(timing.seconds)[int(timing.count * 0.95)]
        cells = [span(timing.median), span(p95), times(timing.median / floor), times(timing.median / ours)]
        rows.append([name, *cells, times(growth)])
    section = Section("store", "State transitions")
    section.markdown = [
        f"**{commits:,} transitions**, one commit each (budget for runner: {span(BUDGET)}, "
        f"{'held' if ours <= BUDGET else 'MISSED'})",
        "",
        *table(["store", "median", "95 %", "× bare disk", "× runner", f"last {edge} ÷ first {edge}"], rows),
    ]
    section.raw = {name: timing.to_json() for name, timing in timings.items()}
    return section
