"""The composition root: the only file that names concrete adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from runner.run.ports import StateStore


def has_store(state: Path) -> bool:
    """Whether anything was ever stored in the folder `state`."""
    return (state / "state").is_dir()


def open_store(state: Path, *, read_only: bool = False) -> StateStore:
    """The state store in the folder `state`, for the caller to open and close.

    With `read_only`, nothing can be written, and a store that a running process holds can be read all the same.
    """
    from runner.store.surreal import SurrealStore

    return SurrealStore(state / "state", read_only=read_only)
