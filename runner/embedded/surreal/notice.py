"""The private file beside a store that tells its owner's commands where the gateway serves it.

Only the user who started the gateway may read it (mode 0600): it holds the password. It stays when the gateway is
killed; whether it still holds good, the process named in it tells. The next gateway on the folder takes over its port
and password, so that clients which only know these come back.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import secrets
from pathlib import Path
from typing import Any

from runner.embedded.surreal.settings import Endpoint
from runner.run.owner import is_alive, owner


def path_of(store: Path) -> Path:
    """The file of the store at `store`."""
    return store.with_name(f"{store.name}.gateway")


def read(store: Path) -> tuple[Endpoint, bool] | None:
    """Where the last gateway served, and whether it is alive; None when there was none, or not for this user."""
    try:
        found: dict[str, Any] = json.loads(path_of(store).read_text(encoding="utf-8"))
        endpoint = Endpoint(str(found["url"]), str(found["user"]), str(found["password"]))
        return endpoint, is_alive(found["process"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def serving(store: Path) -> Endpoint | None:
    """Where a gateway of this machine serves the store now; None where none does."""
    found = read(store)
    return found[0] if found is not None and found[1] else None


def process_of(store: Path) -> int | None:
    """The process of this machine that serves the store now; None where none does."""
    try:
        found: dict[str, Any] = json.loads(path_of(store).read_text(encoding="utf-8"))["process"]
        return int(found["pid"]) if found.get("host") == platform.node() and is_alive(found) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write(store: Path, endpoint: Endpoint) -> None:
    """Tell where this process serves, at once and whole. Raises OSError."""
    path = path_of(store)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    content = json.dumps({**json.loads(endpoint.as_json()), "process": owner()}) + "\n"
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(content)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def remove(store: Path) -> None:
    """The gateway ended in order."""
    with contextlib.suppress(OSError):
        path_of(store).unlink(missing_ok=True)
