"""Who acts in a box, and what a path means to them: a box of this endpoint has one user, `user`."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

from .commands import HOME, USER
from .connect import CallError


def check(authorization: str, username: str = "") -> None:
    """Refuse any other user, named by `Authorization: Basic` or by the query. Raises CallError."""
    name = username
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            name = base64.b64decode(value, validate=True).decode().partition(":")[0]
        except (binascii.Error, ValueError) as error:
            raise CallError("unauthenticated", "the Authorization header is malformed") from error
    if name not in ("", USER):
        raise CallError(
            "unauthenticated", f"invalid username: {name!r}: boxes of this endpoint have the user {USER!r} only"
        )


def resolve(path: str) -> str:
    """A path as the user means it: relative to the home folder, `~` is the home folder. Raises CallError."""
    if "\0" in path:
        raise CallError("invalid_argument", "a path cannot hold a NUL")
    if path == "~" or path.startswith("~/"):
        path = HOME + path[1:]
    return os.path.normpath(Path(HOME, path))
