"""What the engine says when it fails, in our words."""

from __future__ import annotations

import re
from pathlib import Path

from runner.errors import StoreError, StoreFull

#: ENOSPC, EFBIG and EDQUOT, by the names that Rust and the C library give them.
_NO_SPACE = re.compile(r"no space left|no storage space|file too large|quota exceeded|os error (27|28|122)\b", re.I)
#: The disk failed: the handle's picture of the store can no longer be trusted.
_DISK = re.compile(r"IO error|Log error|fsync failed", re.I)


def translated(path: Path | str, text: str) -> StoreError:
    """The error for what the engine on the folder `path`, or at that address, said."""
    if _NO_SPACE.search(text):
        return StoreFull(
            f"no space left for the state in {path}; nothing that was acknowledged is lost",
            "Free some space on its device and repeat the command.",
        )
    if isinstance(path, str):
        first = text.strip().partition("\n")[0] or "unknown error"
        return StoreError(f"the state server at {path} failed: {first}", "Look into the server's log.")
    first = text.strip().splitlines()[0] if text.strip() else "unknown error"
    return StoreError(
        f"the state store in {path} failed: {first}",
        "If it repeats, restore the folder from a backup or use another one with --state DIR.",
    )


def from_os(path: Path, error: OSError) -> StoreError:
    """The error for a file operation that failed beside the engine."""
    return translated(path, f"{error.strerror} (os error {error.errno})")


def of_the_disk(text: str) -> bool:
    """Whether what the engine said means that its handle must not be used any more."""
    return bool(_NO_SPACE.search(text) or _DISK.search(text))
