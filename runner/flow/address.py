"""Where the Prefect API is, and whether it answers. Imports no Prefect: asking costs milliseconds."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from runner.records import dataclass

#: What a Prefect server says to GET <api>/health; 401 and 403 come from one that asks for credentials.
_ALIVE = {200, 401, 403}


@dataclass(frozen=True, slots=True)
class ServerRecord:
    """A server that `runner up` started, as kept in `<state>/prefect.json`.

    `started` is UTC in ISO 8601; `ticks` is the kernel's start time of the process (field 22 of
    /proc/PID/stat): together with `pid` it names one process for ever, however often ids are reused.
    """

    pid: int
    port: int
    api_url: str
    started: str
    ticks: int

    @property
    def ui_url(self) -> str:
        """The address of the server's pages."""
        return f"http://127.0.0.1:{self.port}"


def record_path(state: Path) -> Path:
    """The file in the state folder that remembers the server."""
    return state / "prefect.json"


def read_record(state: Path) -> ServerRecord | None:
    """The server that `runner up` remembered there; None without one, or when the file is not readable as such."""
    try:
        return ServerRecord(**json.loads(record_path(state).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_record(state: Path, record: ServerRecord) -> None:
    """Remember a server, in one step: readers see the old file or the new one."""
    path = record_path(state)
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
    draft.replace(path)


def api_url(state: Path) -> str | None:
    """The API to use: `PREFECT_API_URL`, else the server that `runner up` started for this state folder."""
    if url := os.environ.get("PREFECT_API_URL"):
        return url.rstrip("/")
    record = read_record(state)
    return record.api_url if record else None


def answers(url: str, timeout: float = 2.0) -> bool:
    """Ask the API's health page, at most `timeout` seconds for each step of the talk. Blocks."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return False
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname, parts.port, timeout=timeout)
    except (ValueError, http.client.HTTPException):
        return False
    try:
        connection.request("GET", parts.path.rstrip("/") + "/health")
        return connection.getresponse().status in _ALIVE
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


async def reachable(url: str | None, timeout: float = 2.0) -> bool:  # noqa: ASYNC109 - handed to the socket
    """Whether a Prefect API answers at that URL (None: no). Never raises."""
    if not url:
        return False
    return await asyncio.to_thread(answers, url, timeout)
