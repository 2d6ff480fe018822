"""What people ask of a run from other processes: files beside its plan, which outlive the process that runs it.

A store in one process's hands cannot be written by another, so a request is a file: written whole or not at all, read
by whoever runs the run, and removed when what became of it is in the journal. Nobody but the user of the state folder
(and root) can write there, or read what was answered.
"""

from __future__ import annotations

import json
import os
import pwd
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, field, fields
from pathlib import Path
from typing import Literal, get_args

from runner.compiler.canonical import Json
from runner.records import dataclass
from runner.run.artifacts import storage_error

#: What can be asked: to answer a question of the run, to stop it, to let nothing new begin.
Action = Literal["approve", "reject", "cancel", "pause"]


@dataclass(frozen=True, slots=True)
class Request:
    """One wish. `at` is when it was made, in Unix seconds of the asking process's clock; `by` is the user who asked.

    `step` (a leg's key) and `question` (its id) are for answers; `values` are the fields of the form.
    """

    id: str
    action: Action
    by: str
    at: float
    step: str = ""
    question: str = ""
    comment: str = ""
    values: dict[str, Json] = field(default_factory=dict)


def new_id() -> str:
    """An id that sorts by time, and that no other request has."""
    return f"{time.time_ns():020d}-{secrets.token_hex(4)}"


def user() -> str:
    """The user of this process, as the system knows it; its number where it has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


class Inbox:
    """The requests of one run, in the state folder."""

    def __init__(self, state: Path, run: str) -> None:
        self._folder = state / "runs" / run / "requests"

    def write(self, request: Request) -> None:
        """Keep a request, also over a power loss. Raises StoreError."""
        path = self._path(request)
        with _disk(path):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = path.with_suffix(".tmp")
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(asdict(request), file)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(path)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def waiting(self) -> list[Request]:
        """What nobody has taken yet, the oldest first; a file that is no request is left alone. Raises StoreError."""
        try:
            with _disk(self._folder):
                paths = sorted(path for path in self._folder.iterdir() if path.suffix == ".json")
        except FileNotFoundError:
            return []
        found = (self._read(path) for path in paths)
        return [request for request in found if request is not None]

    def has(self, request: Request) -> bool:
        """Whether nobody has taken it yet."""
        return self._path(request).exists()

    def remove(self, request: Request) -> None:
        """Drop a request; one that is gone already is fine. Raises StoreError."""
        path = self._path(request)
        with _disk(path):
            path.unlink(missing_ok=True)

    def _path(self, request: Request) -> Path:
        return self._folder / f"{request.id}.json"

    def _read(self, path: Path) -> Request | None:
        """The request in a file; None where there is none, or no more."""
        try:
            with _disk(path):
                told = json.loads(path.read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return _request(told, path.stem)


_TEXTS = tuple(each.name for each in fields(Request) if each.name not in ("at", "values"))


def _request(told: Json, id_: str) -> Request | None:
    """A request as its file tells it; None for what is none."""
    if not isinstance(told, dict) or set(told) != {each.name for each in fields(Request)}:
        return None
    if not all(isinstance(told[name], str) for name in _TEXTS) or told["action"] not in get_args(Action):
        return None
    fits = told["id"] == id_ and isinstance(told["at"], int | float) and isinstance(told["values"], dict)
    return Request(**told) if fits else None  # type: ignore[arg-type]


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    """A missing file is the caller's business."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise storage_error(error, path) from error
