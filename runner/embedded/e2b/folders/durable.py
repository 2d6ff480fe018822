"""Small files that outlive the endpoint: each is there whole, old or new, and only its owner can read it."""

from __future__ import annotations

import ctypes
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from runner.errors import ServiceError

_KEY_BYTES = 32


def replace(file: Path, content: bytes, *, sync: bool) -> None:
    """Put a content in a file's place. Whoever looks after a `kill -9` finds the old one or the new one; with `sync`
    also after a loss of power. Blocks. Raises OSError.
    """
    beside = file.with_name(f"{file.name}.new")
    with os.fdopen(os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as stream:
        stream.write(content)
        if sync:
            stream.flush()
            os.fsync(stream.fileno())
    beside.rename(file)
    if sync:
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def load(file: Path, version: int) -> dict[str, Any]:
    """The JSON object in a file, empty where there is none. Another version is refused: nothing is guessed about
    people's files. Raises ServiceError; ValueError and others, which `reading` turns into it.
    """
    try:
        text = file.read_text()
    except FileNotFoundError:
        return {}
    value: dict[str, Any] = json.loads(text)
    if value["version"] != version:
        raise ServiceError(
            f"{file} has version {value['version']!r}; this runner reads version {version}",
            "use the runner that wrote it, or another --folder",
        )
    return value


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Whatever is wrong with the file that is read in this block becomes a ServiceError."""
    try:
        yield
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ServiceError(f"{file} cannot be read: {error}", "restore it, or use another --folder") from error


def sync_all(place: Path) -> None:
    """Wait until what was written to the file system of a folder is on its disk (syncfs(2)). Raises OSError."""
    folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(AttributeError):  # no such call in this C library: a rename is still atomic
            if ctypes.CDLL(None, use_errno=True).syncfs(folder) != 0:
                raise OSError(ctypes.get_errno(), f"syncfs {place}")
    finally:
        os.close(folder)


def key(file: Path, *, sync: bool) -> bytes:
    """The random key in a file, made when there is none. Raises OSError."""
    with suppress(FileNotFoundError):
        found = file.read_bytes()
        if len(found) == _KEY_BYTES:
            return found
    replace(file, made := secrets.token_bytes(_KEY_BYTES), sync=sync)
    return made
