"""`runner worker`: runs that a real server hands out start, end, are cancelled and killed, and nothing stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.run.owner import start_ticks
from tests.prefect_worker import Server, children, cmdline, command, launchers, status, until, working

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

SPECS = {
    "quick": "steps: {say: {run: 'echo said'}}",
    "slow": "steps: {wait: {run: 'echo begun; sleep 120'}}",
    "wrong": "sandboxes: {own: {needs: {runtime: shell}, prefer: [e2b], scope: step}}\n"
    "steps: {good: {sandbox: own, run: 'echo good'}, fail: {sandbox: own, after: [good], run: 'exit 3'}}",
    "twice": "steps: {first: {run: 'echo one'}, second: {after: [first], run: 'echo begun; sleep 6; echo done'}}",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, prefect_api: str) -> Path:
    folder = deployed(tmp_path_factory, prefect_api)
    command(folder, prefect_api, "deploy", "--maintenance", "--pool", folder.name)
    return folder


def deployed(tmp_path_factory: pytest.TempPathFactory, prefect_api: str) -> Path:
    """A project whose specs are deployed to a pool of its own."""
    folder = tmp_path_factory.mktemp(f"worker-{os.getpid()}-")
    (folder / "specs").mkdir()
    (folder / "runner.toml").write_text("")
    for name, steps in SPECS.items():
        (folder / "specs" / f"{name}.yaml").write_text(f"spec: 1\nname: {folder.name}-{name}\n{steps}\n")
    command(folder, prefect_api, "deploy", "--pool", folder.name)
    return folder


@pytest.fixture(scope="module")
def server(prefect_api: str) -> Server:
    return Server(prefect_api)


@pytest.fixture(scope="module")
def worker(project: Path, prefect_api: str) -> Iterator[subprocess.Popen[bytes]]:
    with working(project, prefect_api) as process:
        yield process


@pytest.fixture
def name(project: Path, worker: subprocess.Popen[bytes]) -> Callable[[str], str]:
    assert worker.poll() is None, (project / "worker.log").read_text()
    return lambda spec: f"{project.name}-{spec}"


def has_begun(project: Path, prefect_api: str) -> bool:
    """Whether the step of the newest run prints; there is no run for a moment after Prefect says that it runs."""
    done = subprocess.run(
        [sys.executable, "-m", "runner", "logs", "last"],
        cwd=project,
        env={**os.environ, "PREFECT_API_URL": prefect_api},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "begun" in done.stdout


#: Flow runs of maintenance that may go on at the same time; the second ones come after the first.
MAINTENANCE: tuple[dict[str, dict[str, Any]], ...] = (
    {"ship": {"dead": True}, "reap": {}, "report": {"specs": ["specs/quick.yaml"]}, "backup": {"keep": 1}},
    {"ship": {}, "report": {"specs": ["specs/quick.yaml"], "since": "1d"}, "backup": {"keep": 1}},
    {"report": {"specs": ["specs/away.yaml"]}},
)


def test_each_flow_of_maintenance_runs(
    server: Server, name: Callable[[str], str], project: Path, prefect_api: str
) -> None:
    assert server.wait(server.trigger(name("quick")), "COMPLETED", "FAILED", "CRASHED") == "COMPLETED"

    first, second, third = (
        maintained(server, {name(f"maintenance-{flow}"): parameters for flow, parameters in several.items()})
        for several in MAINTENANCE
    )

    # Their worker knows no audit log.
    assert [state["name"] for state in first] == ["Skipped", *["Completed"] * 3], first
    assert [state["name"] for state in second] == ["Skipped", *["Completed"] * 2], second
    assert "1 of 1 steps done" in first[2]["message"]
    assert "1 older removed" in second[2]["message"]
    assert [(state["name"], "no file or folder" in state["message"]) for state in third] == [("Failed", True)]
    (kept,) = (project / "backups").iterdir()
    command(project, prefect_api, "state", "restore", str(kept), "--state", "elsewhere")
    restored = command(project, prefect_api, "report", "specs/quick.yaml", "--state", "elsewhere")
    assert "1 of 1 steps done" in restored
    key = f"check-in-{name('quick')}"
    found = server.ask("/artifacts/filter", {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC"})
    assert len(found) == 2
    assert "### Done since" in found[0]["data"]
    assert "| ☑ |  | say |  | succeeded |" in found[0]["data"]


def maintained(server: Server, wanted: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The states that these deployments' flow runs end in, started together with their parameters."""
    runs = [server.trigger(name, parameters) for name, parameters in wanted.items()]
    for run in runs:
        server.wait(run, "COMPLETED", "FAILED", "CRASHED")
    return [server.ask(f"/flow_runs/{run}")["state"] for run in runs]


def test_a_run_that_somebody_starts_runs_and_ends_as_its_spec(
    server: Server, name: Callable[[str], str], project: Path, prefect_api: str
) -> None:
    good, bad = server.trigger(name("quick")), server.trigger(name("wrong"))

    assert server.wait(good, "COMPLETED", "FAILED", "CRASHED") == "COMPLETED"
    assert server.wait(bad, "COMPLETED", "FAILED", "CRASHED") == "FAILED"
    run = str(server.ask(f"/flow_runs/{good}")["name"]).split()[0]
    assert "said" in command(project, prefect_api, "logs", run)

    until(lambda: ("stdout", "said") in lines(server, good) and ("stdout", "good") in lines(server, bad))
    shown = server.ask("/artifacts/filter", {"flow_runs": {"id": {"any_": [bad]}}})
    kept = {each["key"].removeprefix(f"{name('wrong')}-"): each["data"] for each in shown}
    assert sorted(kept) == ["plan", "run", "steps"]
    assert [(row["step"], row["state"]) for row in json.loads(kept["steps"])] == [
        ("good", "✓ succeeded"),
        ("fail", "✗ failed"),
    ]
    assert "✗ failed" in kept["run"]


def lines(server: Server, run: str) -> list[tuple[str, str]]:
    """What the log of a flow run says, and who."""
    found = server.ask("/logs/filter", {"logs": {"flow_run_id": {"any_": [run]}}, "sort": "TIMESTAMP_ASC"})
    return [(line["name"], line["message"]) for line in found]


def test_a_run_is_cancelled_in_the_pages_and_frees_its_boxes(
    server: Server, name: Callable[[str], str], project: Path, prefect_api: str
) -> None:
    run = server.trigger(name("slow"))
    until(lambda: has_begun(project, prefect_api))

    server.ask(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}, "force": False})

    assert server.wait(run, "CANCELLED", "CRASHED", "FAILED") == "CANCELLED"
    until(lambda: status(project, prefect_api)["run"]["state"] == "cancelled")
    boxes = status(project, prefect_api)["boxes"]
    assert boxes
    assert all(box["state"] != "live" for box in boxes)


def test_a_run_that_failed_and_is_retried_in_the_pages_makes_again_only_what_failed(
    server: Server, name: Callable[[str], str], project: Path, prefect_api: str
) -> None:
    run = server.trigger(name("wrong"))
    assert server.wait(run, "COMPLETED", "FAILED", "CRASHED") == "FAILED"

    again = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}, "force": True}
    server.ask(f"/flow_runs/{run}/set_state", again)

    until(lambda: server.ask(f"/flow_runs/{run}")["run_count"] == 2 and server.state(run) == "FAILED")
    shown = command(project, prefect_api, "explain", "last", "good")
    assert "taken over" in shown


def test_a_run_whose_process_is_killed_goes_on_by_itself_and_repeats_nothing(
    server: Server, name: Callable[[str], str], project: Path, prefect_api: str, worker: subprocess.Popen[bytes]
) -> None:
    until(lambda: not launchers(worker.pid))
    before = children(worker.pid)
    run = server.trigger(name("twice"))
    until(lambda: has_begun(project, prefect_api))
    (launcher,) = launchers(worker.pid)

    os.kill(launcher, signal.SIGKILL)

    assert server.wait(run, "COMPLETED", "FAILED", "CANCELLED") == "COMPLETED"
    steps = status(project, prefect_api)["steps"]
    assert {one["leg"]: one["attempt"] for one in steps} == {"first": 1, "second": 2}
    until(lambda: not children(worker.pid) - before)


def test_a_worker_that_is_stopped_leaves_no_process_and_the_next_one_goes_on_with_its_runs(
    server: Server, tmp_path_factory: pytest.TempPathFactory, prefect_api: str
) -> None:
    project = deployed(tmp_path_factory, prefect_api)
    with working(project, prefect_api) as process:
        run = server.trigger(f"{project.name}-twice")
        until(lambda: has_begun(project, prefect_api))
        below = {pid: start_ticks(pid) for pid in children(process.pid)}
        assert any(b"zygote" in cmdline(pid) for pid in below)
    assert process.returncode == 0, (project / "worker.log").read_text()
    until(lambda: not [pid for pid, ticks in below.items() if start_ticks(pid) == ticks])
    assert server.state(run) == "SCHEDULED"

    with working(project, prefect_api):
        assert server.wait(run, "COMPLETED", "FAILED", "CANCELLED") == "COMPLETED"

    steps = status(project, prefect_api)["steps"]
    assert {one["leg"]: one["attempt"] for one in steps} == {"first": 1, "second": 2}
