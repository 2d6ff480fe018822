"""The server goes away in the middle of a run: the run goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.compiler.plan.model import Plan
from runner.flow import server
from runner.flow.engine import PrefectEngine
from runner.run.engine_conformance import ends, leg, plan_of
from runner.run.owner import start_ticks
from runner.run.ports import RunState, StepHost
from tests.prefect_api import ask_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(150),
    # Prefect's flow engine leaves one connection of a synchronous client to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning"),
]

CHAIN = plan_of({"a": (), "b": ("a",), "c": ("b",), "d": ("c",)})


def kill(record: server.ServerRecord) -> None:
    os.kill(record.pid, signal.SIGKILL)
    while start_ticks(record.pid) is not None:
        time.sleep(0.01)


def run(plan: Plan, engine: PrefectEngine, after: dict[str, Callable[[], object]]) -> tuple[RunState, list[str]]:
    """Run the steps one by one, and do something `after` some of them."""
    done: list[str] = []

    async def body(host: StepHost) -> RunState:
        for step in plan.steps:
            await leg(host, plan, step.id, ends(step.id))
            done.append(step.id)
            await asyncio.to_thread(after.get(step.id, int))
        return "succeeded"

    return asyncio.run(engine.run(plan, "r-lost", body)), done


def test_a_server_that_stays_away_costs_the_run_its_page_and_nothing_else(
    other_prefect_state: Path, free_port: int, caplog
) -> None:
    record, _ = server.start(other_prefect_state, free_port)

    began = time.monotonic()
    state, done = run(CHAIN, PrefectEngine(record.api_url, patience=1.0), {"b": lambda: kill(record)})

    assert (state, done) == ("succeeded", ["a", "b", "c", "d"])
    assert time.monotonic() - began < 30, "it waited for the server as long as Prefect would"
    assert "the Prefect server went away" in caplog.text


def test_a_server_that_comes_back_learns_everything(other_prefect_state: Path, free_port: int) -> None:
    record, _ = server.start(other_prefect_state, free_port)

    def lose() -> None:
        poll(record.api_url, "/task_runs/filter", completed("a", "b"))
        kill(record)

    after = {"b": lose, "c": lambda: server.start(other_prefect_state, record.port)}
    state, done = run(CHAIN, PrefectEngine(record.api_url), after)

    assert (state, done) == ("succeeded", ["a", "b", "c", "d"])
    poll(record.api_url, "/flow_runs/filter", completed("r-lost conformance"))
    poll(record.api_url, "/task_runs/filter", completed("a", "b", "c", "d"))


def completed(*names: str) -> Callable[[list[dict[str, Any]]], bool]:
    """Whether exactly these runs are known, all completed."""
    return lambda found: sorted((run["name"], run["state_type"]) for run in found) == [(n, "COMPLETED") for n in names]


def poll(api: str, path: str, fits: Callable[[list[dict[str, Any]]], bool]) -> None:
    """Ask until the answer fits, for the runs named `r-lost …`."""
    ask_until(api, path, {"flow_runs": {"name": {"like_": "r-lost"}}}, fits)
