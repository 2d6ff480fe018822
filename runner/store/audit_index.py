"""The journal searched by words without any server: an index in SQLite beside the state, brought up to date by `seq`.

Same words (`runner.run.catalogue`), same formula as Weaviate's BM25: tf / (tf + k1 (1 - b + b length / average length))
with k1 = 1.2 and b = 0.75, times idf = ln(1 + (N - n + 0.5) / (n + 0.5)). FTS5's own `bm25()` has another idf, so FTS5
is the index only, and the ranking is ours. The index is a cache: when it does not fit the journal, it is made anew;
where the folder cannot be written, it is made in memory.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from runner.errors import AuditRefused
from runner.run.audit_port import AuditHit, AuditQuery
from runner.run.catalogue import entry, tokens
from runner.run.event import Event
from runner.run.ports import StateStore

VERSION = 1
K1, B = 1.2, 0.75
_SCHEMA = f"""
CREATE TABLE doc (id INTEGER PRIMARY KEY, run TEXT, seq INT, ts TEXT, type TEXT, step TEXT, leg TEXT, agent TEXT,
                  provider TEXT, severity TEXT, length INT);
CREATE INDEX doc_ts ON doc (ts, seq);
CREATE TABLE head (run TEXT PRIMARY KEY, seq INT, hash TEXT);
CREATE VIRTUAL TABLE text USING fts5 (words, content='', tokenize="unicode61 remove_diacritics 0");
CREATE VIRTUAL TABLE one USING fts5vocab (text, instance);
CREATE VIRTUAL TABLE every USING fts5vocab (text, row);
PRAGMA user_version = {VERSION};
"""
_WAIT = 10.0
#: Events read from the journal at a time.
_PAGE = 5000


class JournalIndex:
    """The index in `file`; None keeps it in memory."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._db: sqlite3.Connection | None = None

    async def search(self, store: StateStore, query: AuditQuery) -> list[AuditHit]:
        """Events of the journal that fit. Raises AuditRefused for a search by meaning."""
        if query.words and query.mode != "lexical":
            raise AuditRefused(
                f"the journal itself is searched by words only, not by meaning ({query.mode})",
                "Search without --mode, or set RUNNER_AUDIT_URL; see docs/audit.md.",
            )
        await self.update(store)
        found = await asyncio.to_thread(self._find, query)
        hits = []
        for run, seq, score in found:
            (event,) = await store.events(run, after=seq - 1, limit=1)
            hits.append(AuditHit(event, score))
        return hits

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    # ------------------------------------------------------------ keeping up

    async def update(self, store: StateStore) -> int:
        """Take in what is new in the journal; the number of events."""
        heads = await store.heads()
        cut = {stone.run: stone.seq for stone in await store.tombstones() if stone.place == "journal"}
        known = await asyncio.to_thread(self._known, heads, cut)
        taken = 0
        for run, (seq, _) in sorted(heads.items()):
            after = known.get(run, 0)
            while after < seq:
                events = await store.events(run, after=after, limit=_PAGE)
                if not events:
                    break
                await asyncio.to_thread(self._take, run, events)
                after, taken = events[-1].seq, taken + len(events)
        return taken

    def _known(self, heads: Mapping[str, tuple[int, str]], cut: Mapping[str, int]) -> dict[str, int]:
        """Up to where each run is indexed. An index of another journal, or of events that are gone, is dropped."""
        db = self._opened()
        known = {run: (seq, hash_) for run, seq, hash_ in db.execute("SELECT run, seq, hash FROM head")}
        strange = any(
            run not in heads or seq > heads[run][0] or (seq == heads[run][0] and hash_ != heads[run][1])
            for run, (seq, hash_) in known.items()
        )
        first = dict(db.execute("SELECT run, MIN(seq) FROM doc GROUP BY run")) if cut else {}
        if strange or any(first.get(run, seq + 1) <= seq for run, seq in cut.items()):
            self._drop()
            self._opened()
            return {}
        return {run: seq for run, (seq, _) in known.items()}

    def _take(self, run: str, events: list[Event]) -> None:
        db = self._opened()
        with db:
            db.execute("BEGIN IMMEDIATE")
            row = db.execute("SELECT seq FROM head WHERE run = ?", (run,)).fetchone()
            new = [event for event in events if event.seq > (row[0] if row else 0)]  # another process may be at it too
            last = db.execute("SELECT COALESCE(MAX(id), 0) FROM doc").fetchone()[0]
            filed = [(number, entry(event)) for number, event in enumerate(new, last + 1)]
            db.executemany(
                "INSERT INTO doc VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (id_, each.run, each.seq, each.ts, each.type, each.step, each.leg, each.agent, each.provider,
                     each.severity, len(each.words.split()))
                    for id_, each in filed
                ),
            )  # fmt: skip
            db.executemany("INSERT INTO text (rowid, words) VALUES (?, ?)", ((id_, each.words) for id_, each in filed))
            end = (run, events[-1].seq, events[-1].hash)
            db.execute("INSERT OR REPLACE INTO head VALUES (?, ?, ?)", end)

    # ------------------------------------------------------------ looking

    def _find(self, query: AuditQuery) -> list[tuple[str, int, float | None]]:
        db = self._opened()
        where, values = _conditions(query)
        if not query.words:
            found = f"SELECT run, seq, NULL FROM doc WHERE {where} ORDER BY ts DESC, seq DESC, run LIMIT ?"  # noqa: S608
            return list(db.execute(found, [*values, query.limit]))
        count, length = db.execute("SELECT COUNT(*), COALESCE(SUM(length), 0) FROM doc").fetchone()
        weights = {}
        for word, times in Counter(tokens(query.words)).items():
            has = db.execute("SELECT doc FROM every WHERE term = ?", (word,)).fetchone()
            if has:
                weights[word] = times * math.log(1 + (count - has[0] + 0.5) / (has[0] + 0.5))
        if not weights:
            return []
        part = "SELECT doc, COUNT(*) AS tf, ? AS idf FROM one WHERE term = ? GROUP BY doc"
        parts = " UNION ALL ".join([part] * len(weights))
        score = f"SUM(idf * tf / (tf + {K1} * ({1 - B} + {B} * length / ?)))"
        text = (
            f"SELECT run, seq, {score} AS score FROM ({parts}) JOIN doc ON doc.id = doc "  # noqa: S608
            f"WHERE {where} GROUP BY doc.id ORDER BY score DESC, ts DESC, seq DESC, run LIMIT ?"
        )
        named = [value for word, idf in weights.items() for value in (idf, word)]
        return list(db.execute(text, [length / count, *named, *values, query.limit]))

    # ------------------------------------------------------------ the file

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            try:
                self._db = self._connected(self._file)
            except sqlite3.Error:
                self._db = self._anew()
        return self._db

    def _connected(self, file: Path | None) -> sqlite3.Connection:
        db = sqlite3.connect(file or ":memory:", _WAIT, check_same_thread=False, isolation_level=None)
        try:
            db.execute("PRAGMA synchronous = OFF")
            if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                with closing(db.cursor()) as cursor:
                    cursor.executescript("BEGIN IMMEDIATE;" + _emptied(db) + _SCHEMA + "COMMIT;")
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _anew(self) -> sqlite3.Connection:
        """What is in the file is no index, or the file cannot be used at all."""
        try:
            self._drop()
            return self._connected(self._file)
        except (OSError, sqlite3.Error):
            self._file = None
            return self._connected(None)

    def _drop(self) -> None:
        self.close()
        if self._file is not None:
            self._file.unlink(missing_ok=True)


def _emptied(db: sqlite3.Connection) -> str:
    """The script that removes the tables of another version."""
    names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE name IN ('doc', 'head', 'text')")]
    if not names:
        return ""
    return "".join(f"DROP TABLE IF EXISTS {name};" for name in ("one", "every", "text", "doc", "head"))


def _conditions(query: AuditQuery) -> tuple[str, list[object]]:
    wanted: list[tuple[str, Iterable[object]]] = [
        (f"{name} = ?", [getattr(query, name)])
        for name in ("run", "agent", "provider")
        if getattr(query, name) is not None
    ]
    if query.step is not None:
        wanted.append(("(step = ? OR leg = ?)", [query.step, query.step]))
    for column, choices in (("type", query.types), ("severity", query.severities)):
        if choices:
            wanted.append((f"{column} IN ({', '.join('?' * len(choices))})", choices))
    if query.since is not None:
        wanted.append(("ts >= ?", [query.since]))
    if query.until is not None:
        wanted.append(("ts < ?", [query.until]))
    return " AND ".join(["1", *(text for text, _ in wanted)]), [value for _, values in wanted for value in values]
