"""The journal searched without any server: an index in SQLite beside the state, brought up to date by `seq`.

Same words (`runner.run.catalogue`), same formula as Weaviate's BM25: tf / (tf + k1 (1 - b + b length / average length))
with k1 = 1.2 and b = 0.75, times idf = ln(1 + (N - n + 0.5) / (n + 0.5)). FTS5's own `bm25()` has another idf, so FTS5
is the index only, and the ranking is ours. By meaning it is searched as Weaviate does it too: the nearest vectors, or
both fused. The index is a cache: when it does not fit the journal, it is made anew; where the folder cannot be written,
it is made in memory.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from runner.run.audit_port import AuditHit, AuditQuery
from runner.run.catalogue import entry, sentence, tokens
from runner.run.event import Event
from runner.run.ports import StateStore
from runner.store import audit_meaning
from runner.store.audit_fusion import DEPTH, fused
from runner.store.audit_objects import Embedder, object_id

VERSION = 2
K1, B = 1.2, 0.75
_SCHEMA = f"""
CREATE TABLE doc (id INTEGER PRIMARY KEY, run TEXT, seq INT, ts TEXT, type TEXT, step TEXT, leg TEXT, agent TEXT,
                  provider TEXT, severity TEXT, length INT, sentence INT);
CREATE INDEX doc_ts ON doc (ts, seq);
CREATE TABLE head (run TEXT PRIMARY KEY, seq INT, hash TEXT);
CREATE VIRTUAL TABLE text USING fts5 (words, content='', tokenize="unicode61 remove_diacritics 0");
CREATE VIRTUAL TABLE one USING fts5vocab (text, instance);
CREATE VIRTUAL TABLE every USING fts5vocab (text, row);
{audit_meaning.SCHEMA}
PRAGMA user_version = {VERSION};
"""
_WAIT = 10.0
#: Events read from the journal at a time.
_PAGE = 5000


#: What a version of the index may have, the readers of the words before the words.
_TABLES = ("one", "every", "text", "doc", "head", "sentence", "meaning")
#: The run and the number of an event, and how well it fits.
_Found = tuple[str, int, float | None]


class JournalIndex:
    """The index in `file`; None keeps it in memory. `model` is what it is searched by meaning with; `tell` hears what
    takes a while.
    """

    def __init__(
        self, file: Path | None, model: Embedder | None = None, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self._file = file
        self._model = model
        self._tell = tell
        self._db: sqlite3.Connection | None = None

    async def search(self, store: StateStore, query: AuditQuery) -> list[AuditHit]:
        """Events of the journal that fit. Raises AuditRefused for a search by meaning without a model."""
        try:
            return await self._answered(store, query)
        except sqlite3.Error as error:  # it is damaged, its disk is full, or another process takes very long
            if self._file is None:
                raise
            self._give_up_file(error)
            return await self._answered(store, query)

    async def _answered(self, store: StateStore, query: AuditQuery) -> list[AuditHit]:
        await self.update(store)
        by_meaning = query.words and query.mode != "lexical"
        found = await asyncio.to_thread(self._find_meant if by_meaning else self._find, query)
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
            said = [sentence(event) for event in new]
            numbers = audit_meaning.sentence_ids(db, said)
            db.executemany(
                "INSERT INTO doc VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (id_, each.run, each.seq, each.ts, each.type, each.step, each.leg, each.agent, each.provider,
                     each.severity, len(each.words.split()), numbers[text])
                    for (id_, each), text in zip(filed, said, strict=True)
                ),
            )  # fmt: skip
            db.executemany("INSERT INTO text (rowid, words) VALUES (?, ?)", ((id_, each.words) for id_, each in filed))
            end = (run, events[-1].seq, events[-1].hash)
            db.execute("INSERT OR REPLACE INTO head VALUES (?, ?, ?)", end)

    # ------------------------------------------------------------ looking

    def _find(self, query: AuditQuery) -> list[_Found]:
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

    def _find_meant(self, query: AuditQuery) -> list[_Found]:
        """What fits by its meaning, or by both."""
        if self._model is None:
            raise audit_meaning.no_model()
        db = self._opened()
        audit_meaning.learn(db, self._model, self._tell)
        near = audit_meaning.nearness(db, self._model, query.words)
        where, values = _conditions(query)
        found = db.execute(f"SELECT run, seq, sentence, ts FROM doc WHERE {where}", values)  # noqa: S608
        rows = [row for row in found if row[2] in near]  # what another process has filed meanwhile has no vector yet
        rows.sort(key=lambda row: row[0])
        rows.sort(key=lambda row: (near[row[2]], row[3], row[1]), reverse=True)
        if query.mode == "semantic":
            return [(run, seq, near[number]) for run, seq, number, _ in rows[: query.limit]]
        depth = max(DEPTH, query.limit)
        meaning = {(run, seq): near[number] for run, seq, number, _ in rows[:depth]}
        words = {(run, seq): score or 0.0 for run, seq, score in self._find(replace(query, limit=depth))}
        both = fused(words, meaning, lambda hit: object_id(*hit))
        return [(run, seq, score) for (run, seq), score in both[: query.limit]]

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

    def _give_up_file(self, error: sqlite3.Error) -> None:
        """Go on in memory; the next search makes the file anew, unless it is another process's that works on it."""
        self.close()
        if self._file is not None and getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
            with suppress(OSError):
                self._file.unlink(missing_ok=True)
        self._file = None

    def _drop(self) -> None:
        self.close()
        if self._file is not None:
            self._file.unlink(missing_ok=True)


def _emptied(db: sqlite3.Connection) -> str:
    """The script that removes the tables of another version."""
    names = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
    return "".join(f"DROP TABLE {name};" for name in _TABLES if name in names)


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
