"""What events mean, kept as vectors beside the index of their words.

Many events say the same sentence, and each sentence is embedded once: when somebody searches by meaning for the first
time after it was said. Vectors are kept as they are made, so that a search which is broken off loses nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from runner.errors import AuditRefused
from runner.store.audit_objects import Embedder
from runner.store.minilm import cosines, packed

#: `sentence` holds what events say; `meaning` its vectors, 32-bit numbers in the machine's order, by model.
SCHEMA = """
CREATE TABLE sentence (id INTEGER PRIMARY KEY, text TEXT UNIQUE);
CREATE TABLE meaning (sentence INT, model TEXT, vector BLOB, PRIMARY KEY (sentence, model)) WITHOUT ROWID;
"""
#: Bytes of each number of a vector. A vector of another length is of another model that had the same name.
SIZE = 4
#: Sentences that are embedded between two commits.
_PART = 32
#: From so many on somebody is told that it takes a while: some 40 ms each.
_MANY = 25


def sentence_ids(db: sqlite3.Connection, sentences: Sequence[str]) -> dict[str, int]:
    """The numbers of these sentences; new ones get one. For the caller to commit."""
    db.executemany("INSERT OR IGNORE INTO sentence (text) VALUES (?)", ((text,) for text in set(sentences)))
    find = "SELECT id FROM sentence WHERE text = ?"
    return {text: db.execute(find, (text,)).fetchone()[0] for text in set(sentences)}


def learn(db: sqlite3.Connection, model: Embedder, tell: Callable[[str], None]) -> int:
    """Embed what was said since the last time; the number of sentences. Raises AuditRefused without the model."""
    found = (
        "SELECT id, text FROM sentence WHERE id NOT IN "
        "(SELECT sentence FROM meaning WHERE model = ? AND LENGTH(vector) = ?) ORDER BY id"
    )
    new = db.execute(found, (model.name, SIZE * model.dimension)).fetchall()
    if len(new) >= _MANY:
        tell(f"audit: embedding {len(new)} sentences, once")
    for start in range(0, len(new), _PART):
        part = new[start : start + _PART]
        vectors = model.embed([text for _, text in part])
        with db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(
                "INSERT OR REPLACE INTO meaning VALUES (?, ?, ?)",
                ((id_, model.name, packed(vector)) for (id_, _), vector in zip(part, vectors, strict=True)),
            )
    return len(new)


def nearness(db: sqlite3.Connection, model: Embedder, words: str) -> dict[int, float]:
    """How near each sentence is to these words: the cosine of the angle between both, by the sentence's number. Raises
    AuditRefused without the model.
    """
    (wanted,) = model.embed([words])
    kept = "SELECT sentence, vector FROM meaning WHERE model = ? AND LENGTH(vector) = ? ORDER BY sentence"
    rows = db.execute(kept, (model.name, SIZE * model.dimension)).fetchall()
    near = cosines([vector for _, vector in rows], wanted)
    return {id_: value for (id_, _), value in zip(rows, near, strict=True)}


def no_model() -> AuditRefused:
    """The error of an index that was made without a model."""
    return AuditRefused("the journal is searched by words only here, not by meaning", "Search without --mode.")
