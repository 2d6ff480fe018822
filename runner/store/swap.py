"""Putting another store in the place of one, so that at any moment either the old or the new one is there.

Two folders cannot change places at once. So the intention is written down and flushed first: whoever opens the store
afterwards finishes what a killed process began.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

_MARK = ".mark"


def swap(store: Path, new: Path, *, keep: Path | None = None) -> None:
    """Put the store at `new` in the place of the one at `store`; the old one goes to `keep`, or is removed.

    All are in one folder, and `store` is locked. Raises OSError; then nothing, or all of it at the next opening.
    """
    intention = _intention(store)
    draft = intention.with_name(f"{intention.name}.draft")
    draft.write_text(json.dumps({"new": new.name, "keep": keep.name if keep else None}), encoding="utf-8")
    _flush(draft)
    draft.replace(intention)
    _flush(store.parent)
    finish(store)


def finish(store: Path) -> None:
    """Finish a swap that was begun; without one nothing happens. Raises OSError."""
    intention = _intention(store)
    try:
        said = json.loads(intention.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    new, old = store.with_name(said["new"]), store.with_name(f"{store.name}.old")
    for part, away, there in ((new, old, store), (_mark(new), _mark(old), _mark(store))):
        if not part.exists():
            continue  # it has moved already
        if there.exists():
            _remove(away)
            there.rename(away)
        part.rename(there)
    _flush(store.parent)
    _leave(old, store.with_name(said["keep"]) if said["keep"] else None)
    intention.unlink()
    _flush(store.parent)


def _leave(old: Path, keep: Path | None) -> None:
    for part, target in ((old, keep), (_mark(old), keep and _mark(keep))):
        if target is None:
            _remove(part)
        elif part.exists():
            part.rename(target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _mark(store: Path) -> Path:
    return store.with_name(f"{store.name}{_MARK}")


def _intention(store: Path) -> Path:
    return store.with_name(f"{store.name}.swap")


def _flush(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
