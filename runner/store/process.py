"""What the embedded engine takes from the process and prints into it, kept within bounds."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_REPAIR = (b"Corruption error:", b"Repairing corrupted")


@contextmanager
def environment(name: str, value: str) -> Iterator[None]:
    """Set an environment variable, and put it back as it was."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextmanager
def without_repair_notes() -> Iterator[None]:
    """Keep the engine's notes about a record cut short by kill -9 off the terminal: it prints them to descriptor 2.

    Cutting off a record that was never acknowledged is the right repair; whether an acknowledged one went with it, the
    watermark tells. Whatever else was printed meanwhile is passed on.
    """
    with tempfile.TemporaryFile() as notes:
        terminal = os.dup(2)
        os.dup2(notes.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            notes.seek(0)
            for line in notes:
                if not line.startswith(_REPAIR):
                    os.write(2, line)
