"""Writing a store anew without what was deleted and overwritten: the engine itself never gives space back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from runner.errors import StoreError
from runner.store.answers import results
from runner.store.embedded import EmbeddedEngine
from runner.store.failure import from_os
from runner.store.lock import StoreLock
from runner.store.migration import bring_up
from runner.store.queries import preparing, queries
from runner.store.rows import count
from runner.store.swap import swap

#: Every table that a store has, in the order of copying.
TABLES = (
    "run", "step", "box", "artifact", "milestone", "attempt", "approval", "workflow", "event", "head", "outbox", "dead",
    "tombstone",
)  # fmt: skip
#: Those of edges, after what they connect.
RELATIONS = ("used", "produced", "consumed")
_PAGE = 500


def compact(store: Path) -> tuple[int, int]:
    """Copy the store, table by table, into a fresh one that takes its place; (bytes before, bytes after).

    Nothing happens to the old one before the new one is whole. Raises StoreLocked, StoreError.
    """
    lock = StoreLock(store.with_name(f"{store.name}.lock"))
    lock.acquire()
    new = store.with_name(f"{store.name}.compacting")
    try:
        _clear(new)
        before = size(store)
        _copy(store, new)
        swap(store, new)
        return before, size(store)
    except OSError as error:
        raise from_os(store, error) from error
    finally:
        _clear(new)
        lock.release()


def _clear(store: Path) -> None:
    shutil.rmtree(store, ignore_errors=True)
    store.with_name(f"{store.name}.mark").unlink(missing_ok=True)


def _copy(store: Path, new: Path) -> None:
    source = EmbeddedEngine(store, lambda: _prepared(source, stamp=False))
    target = EmbeddedEngine(new, lambda: _prepared(target, stamp=True))
    try:
        source.connect()
        target.connect()
        for table in (*TABLES, *RELATIONS):
            copied = _copy_table(source, target, table)
            if [_count(source, table), _count(target, table)] != [copied, copied]:
                raise StoreError(f"the copy of {store} lacks rows of {table}; the store is as it was", "Try it again.")
    finally:
        source.close()
        target.close()


def _copy_table(source: EmbeddedEngine, target: EmbeddedEngine, table: str) -> int:
    copied = 0
    while rows := _ask(source, "copy_read", table=table, start=copied, limit=_PAGE):
        target.before_write()
        _ask(target, "copy_relate" if table in RELATIONS else "copy_write", rows=rows)
        target.written()
        copied += len(rows)
    return copied


def _count(engine: EmbeddedEngine, table: str) -> int:
    return count(_ask(engine, "copy_count", table=table))


def _prepared(engine: EmbeddedEngine, *, stamp: bool) -> bool:
    def ask(name: str, values: dict[str, object]) -> list[Any]:
        text = preparing("runner", "runner") if name == "prepare" else queries()[name]
        return results(engine.path, engine.query_raw(text, values))

    return bring_up(engine.path, ask, engine.before_write, stamp=stamp)


def _ask(engine: EmbeddedEngine, name: str, **values: Any) -> list[Any]:
    rows: list[Any] = results(engine.path, engine.query_raw(queries()[name], values))[0]
    return rows


def size(store: Path) -> int:
    """Bytes of all files of a store."""
    return sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
