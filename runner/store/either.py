"""The store of a folder, behind its gateway while one serves it, else in this process.

Which of the two is settled when the store is opened, not before: a gateway may begin or end at any moment, and whoever
comes just then waits until it serves or has let go of the folder.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runner.errors import StoreLocked, StoreUnserved
from runner.store.home import FolderHome, Home
from runner.store.lock import StoreLock
from runner.store.server import Address, ServerHome, Waits

_LOOK = 0.05


class EitherHome:
    """A Home in the folder `path`, or at the address of its gateway, which `find` gives as long as one serves."""

    def __init__(
        self, path: Path, find: Callable[[], Address | None], *, read_only: bool, waits: Waits | None = None
    ) -> None:
        self._find = find
        self._waits = waits or Waits()
        self._lock = StoreLock(path.with_name(f"{path.name}.lock"))
        self._served: Home = ServerHome(find, waits=self._waits)
        self._held: Home = FolderHome(path, read_only=read_only)
        self._home = self._chosen()

    @property
    def where(self) -> str:
        """See Home."""
        return self._home.where

    @property
    def shared(self) -> bool:
        """See Home."""
        return self._home.shared

    @property
    def marks(self) -> bool:
        """See Home."""
        return self._home.marks

    def open(self) -> None:
        """See Home. Raises StoreLocked too."""
        end = time.monotonic() + self._waits.patience
        while True:
            self._home = self._chosen()
            try:
                self._home.open()
            except (StoreUnserved, StoreLocked) as error:
                changing = isinstance(error, StoreUnserved) or self._lock.is_served() or self._find() is not None
                if not changing or time.monotonic() > end:
                    raise
            else:
                return
            time.sleep(_LOOK)

    def _chosen(self) -> Home:
        return self._held if self._find() is None else self._served

    def ask(self, name: str, values: dict[str, object]) -> list[Any]:
        """See Home."""
        return self._home.ask(name, values)

    def close(self) -> None:
        """See Home."""
        self._home.close()
