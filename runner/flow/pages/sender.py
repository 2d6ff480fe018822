"""Lines and artifacts on their way to Prefect's API."""

from __future__ import annotations

import json
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings

from runner.flow.pages.papers import Paper

#: Characters that one request with lines carries.
_BATCH = 200_000


class Sender:
    """Sends for one flow run. What the API answers with is raised, as Prefect and httpx do."""

    def __init__(self, flow_run: UUID) -> None:
        self._flow_run = flow_run
        self._logs = get_current_settings().logging.to_api.enabled
        self._last = datetime.fromtimestamp(0, UTC)
        self._waiting: deque[dict[str, Any]] = deque()

    def line(self, task_run: UUID | None, name: str, level: int, text: str) -> None:
        """Put a line into the log of the task run, or of the flow run; `flush` sends it.

        Past Prefect's own sender on purpose: it makes an object for each line and hands that from thread to thread,
        which costs some 4 ms a line.
        """
        if not self._logs:
            return
        # The pages sort by time: two lines never have the same.
        self._last = max(datetime.now(UTC), self._last + timedelta(microseconds=1))
        line = {
            "flow_run_id": str(self._flow_run),
            "task_run_id": None if task_run is None else str(task_run),
            "name": name,
            "level": level,
            "timestamp": self._last.isoformat(),
            "message": text,
        }
        self._waiting.append(line)

    async def flush(self) -> None:
        """Send the lines that wait; those that the server does not take are lost."""
        while self._waiting:
            batch, size = [], 0
            while self._waiting and size < _BATCH:
                batch.append(self._waiting.popleft())
                size += len(str(batch[-1]["message"])) + 300
            async with get_client() as client:
                await client.create_logs(batch)

    async def create(self, paper: Paper) -> UUID:
        """Make an artifact of the flow run; its id."""
        return await self._create(paper.key, paper.type, _as_kept(paper), paper.description)

    async def progress(self, artifact: UUID | None, key: str, percent: float, description: str) -> UUID:
        """Make or change the artifact that shows how far the run is; its id."""
        if artifact is None:
            return await self._create(key, "progress", percent, description)
        await self._change(artifact, percent, description)
        return artifact

    async def change(self, artifact: UUID, paper: Paper) -> None:
        """Change what an artifact shows."""
        await self._change(artifact, _as_kept(paper), paper.description)

    # The client's own methods also emit an event for each artifact, for which Prefect reads the run, its flow and its
    # deployment anew from the server, in the queue in which the states of steps wait.

    async def _create(self, key: str, kind: str, data: str | float, description: str) -> UUID:
        new = {"key": key, "type": kind, "data": data, "description": description, "flow_run_id": str(self._flow_run)}
        async with get_client() as client:
            answer = await client.request("POST", "/artifacts/", json=new)
        return UUID(answer.json()["id"])

    async def _change(self, artifact: UUID, data: str | float, description: str) -> None:
        changed = {"data": data, "description": description}
        async with get_client() as client:
            await client.request("PATCH", "/artifacts/{id}", path_params={"id": artifact}, json=changed)


def _as_kept(paper: Paper) -> str:
    # Prefect keeps tables as JSON text.
    return paper.data if isinstance(paper.data, str) else json.dumps(paper.data, ensure_ascii=False)
