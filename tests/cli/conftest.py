"""A folder of runs to look at, kept in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from runner.cli.main import app
from runner.compiler.canonical import Json
from runner.run.event import EventDraft
from runner.run.logfile import LogWriter, log_path
from runner.run.owner import owner
from runner.run.ports import Change, StateStore
from runner.store.memory import MemoryStore

GONE: dict[str, Json] = {"pid": 2**22 + 1, "host": owner()["host"], "boot": owner()["boot"]}


@dataclass(frozen=True)
class Recorded:
    """The runs of the fixture `recorded`, and the command line on them."""

    state: Path
    store: MemoryStore

    def runner(self, *arguments: str) -> Result:
        """Call `runner ARGUMENTS --state …`."""
        return CliRunner().invoke(app, [*arguments, "--state", str(self.state)])

    def put(self, run: str, document: dict[str, Json], legs: Sequence[dict[str, Json]] = ()) -> None:
        """Store a run with its legs and one event."""
        changes = [Change("run", run, 0, {"id": run, **document})]
        changes += [Change("step", str(leg["leg"]), 0, leg) for leg in legs]
        event = EventDraft("run.created", "2026-01-31T12:00:09.000000Z", data={"spec": document.get("spec")})
        asyncio.run(self.commit(run, changes, [event]))

    async def commit(self, run: str, changes: Sequence[Change], events: Sequence[EventDraft]) -> None:
        """Commit to the store as a run does."""
        await self.store.open()
        await self.store.commit(run, changes, events)
        await self.store.close()

    def log(self, run: str, leg: str, attempt: int, *pieces: tuple[str, str]) -> None:
        """Write a log of (stream, text) pieces."""
        with LogWriter(log_path(self.state, run, leg, attempt)) as log:
            for stream, text in pieces:
                log.write(stream, text)  # type: ignore[arg-type]


def leg(key: str, state: str, **more: Json) -> dict[str, Json]:
    """A leg's document."""
    return {"step": key.partition("[")[0], "leg": key, "state": state, **more}


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """A folder with a store and no run."""
    recorded = Recorded(tmp_path / "runs of mine", MemoryStore())

    def open_store(state: Path, *, read_only: bool = False) -> StateStore:
        assert (state, read_only) == (recorded.state, True)
        return recorded.store

    monkeypatch.setattr("runner.cli.state.open_store", open_store)
    monkeypatch.setattr("runner.cli.state.has_store", lambda state: state == recorded.state)
    return recorded


@pytest.fixture
def recorded(empty: Recorded) -> Recorded:
    """Three runs: one that succeeded, one that failed, one whose process is gone."""
    times: dict[str, Json] = {
        "created_at": "2026-01-31T12:00:00.000000Z",
        "started_at": "2026-01-31T12:00:01.000000Z",
        "ended_at": "2026-01-31T12:01:06.000000Z",
    }
    empty.put("20260131-120000-aaaaaa", {"spec": "hello", "state": "succeeded", "engine": "local", **times})
    failed = [
        leg("build", "succeeded", attempt=1, started_at="2026-01-31T13:00:00Z", ended_at="2026-01-31T13:00:04.500Z"),
        leg(
            "test[n=1]",
            "failed",
            attempt=3,
            started_at="2026-01-31T13:00:05Z",
            ended_at="2026-01-31T13:10:10Z",
            provider="e2b",
            box="box-1",
            message="exit code 2\x1b[31m\nsecond line",
            error_class="exit",
        ),
        leg("test[n=2]", "skipped"),
    ]
    document: dict[str, Json] = {"spec": "check", "title": "Check it", "state": "failed", "engine": "prefect"}
    document |= {"steps_total": 4, "message": "step test[n=1] failed", **times}
    empty.put("20260131-130000-bbbbbb", document | {"created_at": "2026-01-31T13:00:00Z"}, failed)
    checks: Json = [{"expression": "1 > 2", "ok": False}]
    dist: dict[str, Json] = {"digest": "sha256:" + "ab" * 32, "bytes": 12345, "files": 3, "path": "a/d"}
    extra = [
        Change("milestone", "w1", 0, {"title": "Builds", "state": "missed", "week": 1, "checks": checks}),
        Change("artifact", "build/dist", 0, dist),
    ]
    asyncio.run(empty.commit("20260131-130000-bbbbbb", extra, []))
    dead: dict[str, Json] = {"spec": "long", "state": "running", "engine": "local", "owner": GONE, "steps_total": 2}
    dead |= {"created_at": "2026-01-31T14:00:00Z", "started_at": "2026-01-31T12:00:01Z"}
    empty.put("20260131-140000-cccccc", dead, [leg("a", "running", attempt=1, started_at="2026-01-31T12:00:02Z")])
    return empty
