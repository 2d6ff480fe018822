"""Prefect's settings inside `runner`: which API, no server of its own, a quiet terminal, no telemetry.

Nothing here imports Prefect before it is needed, and nothing stays in `os.environ`.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_LOGGING = Path(__file__).with_name("prefect-logging.yml")
#: How often a request to the API is repeated (after 2, 4, 8 s); a restarted server is back within that.
_RETRIES = 3
_lock = threading.Lock()
_held: dict[str, int] = {}


def environment(api_url: str) -> dict[str, str]:
    """The variables under which Prefect is imported, here or in a child process."""
    return {
        "PREFECT_API_URL": api_url,
        # Its own server inside our process costs 9 s a run and times out under load: an error is better.
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_LOGGING_SETTINGS_PATH": str(_LOGGING),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


@contextmanager
def prefect_settings(api_url: str) -> Iterator[None]:
    """Prefect, imported and pointed at that API, for the length of the context.

    The first import happens under `environment()`, because Prefect sets up its logging and its process-wide settings
    then. A Prefect that is imported already keeps its logging. DO_NOT_TRACK is set for the whole context:
    Prefect asks for it whenever it is about to send a usage event.
    """
    with held({"DO_NOT_TRACK": "1"}):
        if "prefect.main" not in sys.modules:
            with held(environment(api_url)):
                import prefect.main  # noqa: F401 - this is where it reads its environment
        from prefect.events.clients import PrefectEventsClient
        from prefect.events.worker import EventsWorker
        from prefect.settings import temporary_settings

        # While the server is away, each event would be tried for 8 s before the next one. Tried once more at once, it
        # stays in the client's memory and goes out with the next connection.
        EventsWorker.set_client_override(PrefectEventsClient, api_url=api_url, reconnection_attempts=1)
        with temporary_settings(
            {"api.url": api_url, "server.ephemeral.enabled": False, "client.max_retries": _RETRIES}
        ):
            yield


@contextmanager
def held(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the length of the context; those that the caller has set stay as they are.

    Contexts may overlap in any order: a variable goes when the last one that holds it ends.
    """
    mine = []
    with _lock:
        for name, value in values.items():
            if name in _held or name not in os.environ:
                os.environ[name] = value
                _held[name] = _held.get(name, 0) + 1
                mine.append(name)
    try:
        yield
    finally:
        with _lock:
            for name in mine:
                _held[name] -= 1
                if not _held[name]:
                    del _held[name]
                    os.environ.pop(name, None)
