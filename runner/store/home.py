"""Where a store lives: a folder that this process holds, or a server that many share. One set of queries for both."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Protocol

from runner.errors import StoreError, StoreLocked
from runner.store.answers import results
from runner.store.embedded import EmbeddedEngine
from runner.store.failure import from_os, of_the_disk
from runner.store.lock import StoreLock
from runner.store.migration import bring_up
from runner.store.queries import preparing, queries
from runner.store.watermark import copy_store

#: Named queries that write.
WRITES = frozenset({"commit", "delivered", "reject", "revive", "forget", "claim_lease", "renew_lease", "release_lease"})


class Home(Protocol):
    """All methods are for the store's own thread."""

    @property
    def where(self) -> str:
        """What people know it by."""
        ...

    @property
    def shared(self) -> bool:
        """Whether processes of several machines may come there."""
        ...

    @property
    def marks(self) -> bool:
        """Whether half a transaction may be found there after a power loss, so that each has to be marked."""
        ...

    def open(self) -> None:
        """Raises StoreError and below."""
        ...

    def ask(self, name: str, values: dict[str, object]) -> list[Any]:
        """Run a named query and return the result of each of its statements. Raises StoreError and below, and those of
        `answers.py`; StoreUnanswered only for a commit.
        """
        ...

    def close(self) -> None: ...


class FolderHome:
    """The folder `path`, with `<path>.lock` and `<path>.mark` beside it, in this process.

    With `read_only`, a store that another process holds or that cannot be written is read from a copy (its log only
    grows, so a copy is the state of a moment ago).
    """

    marks = True
    shared = False

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self.path = path
        self._read_only = read_only
        self._stamp = not read_only
        self._lock = StoreLock(path.with_name(f"{path.name}.lock"))
        self._engine: EmbeddedEngine | None = None
        self._copy: Path | None = None

    @property
    def where(self) -> str:
        """See Home."""
        return str(self.path)

    def open(self) -> None:
        """See Home. Raises StoreLocked too."""
        path = self.path
        if self._read_only and not os.access(path.parent, os.W_OK):
            path = self._copied()  # on a device or in a folder of somebody else, where even a lock cannot be written
        else:
            try:
                self._lock.acquire(reading=self._read_only)
            except StoreLocked:
                if not self._read_only:
                    raise
                path = self._copied()
        self._engine = EmbeddedEngine(path, self._prepare)
        self._engine.connect()

    def _copied(self) -> Path:
        self._copy = Path(tempfile.mkdtemp(prefix="runner-state-"))
        try:
            copy_store(self.path, self._copy / "state")
        except OSError as error:
            raise from_os(self.path, error) from error
        return self._copy / "state"

    def _prepare(self) -> bool:
        engine = self._opened()

        def ask(name: str, values: dict[str, object]) -> list[Any]:
            text = preparing("runner", "runner") if name == "prepare" else queries()[name]
            return results(engine.path, engine.query_raw(text, values))

        wrote = bring_up(engine.path, ask, engine.before_write, stamp=self._stamp)
        self._stamp = False
        return wrote

    def ask(self, name: str, values: dict[str, object]) -> list[Any]:
        """See Home."""
        engine = self._opened()
        if name in WRITES:
            engine.before_write()
        answer = engine.query_raw(queries()[name], values)
        try:
            found = results(engine.path, answer)
        except StoreError:
            if of_the_disk(str(answer)):
                engine.drop()
            raise
        if name in WRITES:
            engine.written()
        return found

    def _opened(self) -> EmbeddedEngine:
        if self._engine is None:
            raise StoreError("the state store is not open")
        return self._engine

    def close(self) -> None:
        """Drop the handle, then the lock."""
        engine, self._engine = self._engine, None
        copy, self._copy = self._copy, None
        try:
            if engine is not None:
                engine.close()
            if copy is not None:
                shutil.rmtree(copy, ignore_errors=True)
        finally:
            self._lock.release()
