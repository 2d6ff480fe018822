"""Logs of flow runs and task runs go to Prefect's API, and never to the terminal.

Prefect's own sender retries each batch for a minute and then writes to standard error, where runner's progress
lines are. The record of a run is runner's own store: a batch that Prefect does not take at once is dropped.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from prefect.logging.handlers import APILogHandler, APILogWorker
from prefect.settings import temporary_settings

_log = logging.getLogger(__name__)


class RunLogWorker(APILogWorker):
    """Sends batches of logs in the background, each once."""

    async def _handle_batch(self, items: list[dict[str, Any]]) -> None:
        try:
            await self._client.create_logs(items)
        except Exception as error:  # noqa: BLE001 - a page without some lines is no reason to disturb a run
            _log.debug("Prefect did not take %d log lines: %s", len(items), type(error).__name__)

    @asynccontextmanager
    async def _lifespan(self) -> AsyncIterator[None]:
        with temporary_settings({"client.max_retries": 0}):
            async with super()._lifespan():
                yield


class RunLogHandler(APILogHandler):
    """Hands log records of runs to RunLogWorker; named by prefect-logging.yml."""

    def emit(self, record: logging.LogRecord) -> None:
        if not getattr(record, "send_to_api", True):
            return
        try:
            RunLogWorker.instance().send(self.prepare(record))
        except Exception as error:  # noqa: BLE001 - e.g. a record from outside any run
            _log.debug("a log record was not for Prefect: %s", type(error).__name__)
