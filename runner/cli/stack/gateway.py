"""The gateway to the state, as the stack looks after it: who keeps it notices its death, but not that it hangs."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

from runner.embedded.surreal import notice


def says(host: str, port: int, path: str, seconds: float) -> bool:
    """Whether a server answers there, and says that it is well; each step of the talk may take so many seconds."""
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def answers(store: Path, seconds: float) -> bool:
    """Whether a gateway serves the store and answers."""
    endpoint = notice.serving(store)
    if endpoint is None:
        return False
    place = urlsplit(endpoint.url)
    return says(place.hostname or "", place.port or 0, "/health", seconds)


def kill_hung(store: Path, seconds: float) -> None:
    """Kill the process of a gateway that is there and does not answer, exactly that one: whoever keeps it starts the
    next, at the same address.
    """
    pid = notice.process_of(store)
    if pid is not None and not answers(store, seconds):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
