"""The engine in this process, on a folder whose log is watched: what both the store and the gateway sit on.

- A commit is flushed to disk only with SURREAL_SYNC_DATA=true in the environment until the first write, where the
  engine reads it once for the life of the process.
- A commit that fails for want of space stays visible to the handle that made it, and every later commit fails:
  such a handle is dropped and the folder opened anew, from what is really on the disk.
- A transaction is not one record of the log: see `watermark.py` for how half of one is kept out.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from runner.store.answers import results
from runner.store.failure import from_os
from runner.store.process import environment
from runner.store.queries import queries
from runner.store.surreal_sdk import Handle, embedded, executor, rid, vendor
from runner.store.swap import finish
from runner.store.watermark import Watermark

_SYNC = "SURREAL_SYNC_DATA"


class EmbeddedEngine:
    """One handle on one folder, for one thread. `prepare` is called after each opening and tells whether it wrote.

    No frame but the SDK's own holds the handle: of two handles on one folder each would corrupt the other's.
    """

    def __init__(self, path: Path, prepare: Callable[[], bool]) -> None:
        self.path = path
        self._prepare = prepare
        self._mark = Watermark(path)
        self._handle: Handle | None = None

    def connect(self) -> None:
        """Open the folder, and cut off what was never acknowledged. Raises StoreFull, StoreError, and what `prepare`
        raises.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            finish(self.path)
            self._mark.begin()
            # The engine reads the variable at its first write, which `prepare` makes.
            with environment(_SYNC, "true"):
                self._open()
                while self._mark.doubtful and not self._whole():
                    self._handle = None
                    self._mark.shorten()
                    self._open()
                self._mark.end()
                if self._prepare():
                    self._mark.advance()
        except OSError as error:
            self.drop()
            raise from_os(self.path, error) from error
        except BaseException:
            self.drop()
            raise

    def _open(self) -> None:
        try:
            self._handle = embedded(self.path)
            self._handle.use("runner", "runner")
        except BaseException:
            self._mark.abandon()
            raise

    def _whole(self) -> bool:
        """Whether the last transaction in the log is complete: its records are in the order of their writing."""
        ids = {"begin": rid("meta", "begin"), "end": rid("meta", "end")}
        begin, end = results(self.path, self.query_raw(queries()["whole"], ids))
        return bool(begin == end)

    def before_write(self) -> None:
        """Has to be called before anything is written. Raises StoreFull, StoreError."""
        self._marked(self._mark.before_write)

    def written(self) -> None:
        """Has to be called before a write is acknowledged. Raises StoreFull, StoreError; then it is not there."""
        self._marked(self._mark.advance)

    def _marked(self, step: Callable[[], None]) -> None:
        try:
            step()
        except OSError as error:  # not acknowledged, so the next opening cuts it off
            self.drop()
            raise from_os(self.path, error) from error

    def query_raw(self, text: str, values: dict[str, Any]) -> dict[str, Any]:
        """The SDK's whole answer; after a drop the folder is opened anew. Raises StoreError."""
        if self._handle is None:
            self.connect()
        with vendor(self.path):
            return cast("Handle", self._handle).query_raw(text, values)

    def execute(self, message: bytes) -> bytes:
        """The answer to a message of the protocol, as it came. Raises RuntimeError with what the engine refuses, and as
        `query_raw`.
        """
        if self._handle is None:
            self.connect()
        return executor(cast("Handle", self._handle))(message)

    def drop(self) -> None:
        """Let go of a handle whose picture of the folder can no longer be trusted."""
        self._handle = None
        self._mark.close(whole=False)

    def close(self) -> None:
        """Let go of the folder, with nothing broken off."""
        self._handle = None
        self._mark.close(whole=True)
