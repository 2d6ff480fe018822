"""The flows of maintenance: the forms they are deployed with are theirs, and shipping does what the command does."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from flows import maintenance
from runner import wiring
from runner.errors import AuditOffline
from runner.flow.deploy.housekeeping import housekeeping, owner
from runner.flow.deploy.wanted import PROJECT
from runner.run.audit_port import Delivery
from runner.run.event import Event, EventDraft
from runner.store.memory import MemoryStore


def test_every_flow_is_deployed_with_the_parameters_and_defaults_that_it_has() -> None:
    deployed = {one.document["entrypoint"].rpartition(".")[2]: one.document for one in housekeeping("site", "pool")}
    assert list(deployed) == ["reap", "ship", "report", "backup"]
    for name, document in deployed.items():
        flow = getattr(maintenance, name)
        has = {key: about.default or None for key, about in inspect.signature(flow.fn).parameters.items()}
        form = document["parameter_openapi_schema"]["properties"]
        assert {key: about["default"] or None for key, about in form.items()} == has, name
        assert [one["slug"] for one in document["schedules"]] == [name]


def test_they_are_not_among_the_deployments_of_the_project() -> None:
    (first, *_) = housekeeping("a/b", "pool")
    assert first.document["labels"][PROJECT] == owner("a/b") == "a/b/maintenance"
    assert first.name == "a-b-maintenance-reap"


class Log:
    """An audit log that takes everything, or is away."""

    def __init__(self, *, away: bool = False) -> None:
        self.away, self.has, self.closed = away, list[Event](), False

    async def open(self) -> None:
        if self.away:
            raise AuditOffline("nothing answers there", "Start it.")

    async def deliver(self, events: Sequence[Event]) -> Delivery:
        self.has += events
        return Delivery(tuple(events), ())

    async def close(self) -> None:
        self.closed = True


def shipped(log: Log, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The state that the flow `ship` ends in, with one event waiting."""
    from prefect.logging import disable_run_logger

    async def main() -> Any:
        store = MemoryStore()
        await store.open()
        await store.commit("r1", [], [EventDraft("run.started", "2030-01-01T00:00:00.000000Z")])
        monkeypatch.setattr(wiring, "open_store", lambda _state: store)
        with disable_run_logger():
            return await maintenance.ship.fn()

    monkeypatch.setenv("RUNNER_AUDIT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr(wiring, "open_audit", lambda _environ: log)
    monkeypatch.setattr(wiring, "has_store", lambda _state: True)
    return asyncio.run(main())


def test_what_waits_is_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    state = shipped(log, monkeypatch)
    assert (state.name, state.message) == ("Completed", "1 delivered, 0 refused, 0 waiting")
    assert ([event.run for event in log.has], log.closed) == (["r1"], True)


def test_an_audit_log_that_is_away_fails_the_flow_run_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    state = shipped(log := Log(away=True), monkeypatch)
    assert (state.name, state.message) == ("Failed", "nothing answers there. Start it.")
    assert log.closed


def test_without_an_audit_log_and_without_a_state_there_is_nothing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNNER_STATE", str(tmp_path / "none"))
    assert asyncio.run(maintenance.ship.fn()).name == "Skipped"
    assert asyncio.run(maintenance.backup.fn()).name == "Skipped"
