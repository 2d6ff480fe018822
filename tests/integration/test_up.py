"""`runner up --detach` and `runner up --all`: real services, killed and brought back, and nothing of them stays."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest

from runner.cli.stack import record
from runner.cli.stack.record import Part
from runner.embedded.surreal import notice
from runner.run.owner import start_ticks
from tests.prefect_api import ask

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]

SPEC = "spec: 1\nname: stacked\nsteps: {say: {run: 'echo said by $((40 + 2))'}}\n"


class Project:
    """A folder with a spec, and the commands that somebody gives there."""

    def __init__(self, folder: Path, state: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        self.state = state
        self.environ = {**os.environ, **environ, "RUNNER_STATE": str(state)}

    def runner(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "runner", *words], cwd=self.folder, env=self.environ, timeout=120,
            capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def told(self, *words: str) -> Any:
        return json.loads(self.runner(*words, "--json").stdout)

    def part(self, name: str) -> Part:
        stack = record.read(self.state)
        assert stack is not None
        return next(each for each in stack.parts if each.name == name)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "runner", "up", "--all", *words], cwd=self.folder, env=self.environ,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Project]:
    """A project in a short folder: a state with a gateway of its own."""
    (tmp_path / "stacked.yaml").write_text(SPEC)
    (tmp_path / "runner.toml").write_text("")
    one = Project(tmp_path, tmp_path / "state", {"RUNNER_WEAVIATE_CACHE": str(tmp_path / "no-cache")})
    yield one
    one.runner("down")


@pytest.fixture
def project(empty: Project, other_prefect_state: Path) -> Iterator[Project]:
    """The same with a database of Prefect's that is migrated already."""
    one = Project(empty.folder, other_prefect_state, {"RUNNER_WEAVIATE_CACHE": str(empty.folder / "no-cache")})
    yield one
    one.runner("down")


def alive(processes: dict[int, int | None]) -> list[int]:
    return [pid for pid, ticks in processes.items() if start_ticks(pid) == ticks]


def below(pid: int) -> dict[int, int | None]:
    """All living processes below a process, by their start times."""
    above = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            above[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found: set[int] = set()
    todo = {pid}
    while todo := {each for each, parent in above.items() if parent in todo} - found:
        found |= todo
    return {each: start_ticks(each) for each in found}


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.1)


def triggered(api: str) -> str:
    """Start the one deployment that there is, as a person does in the pages, and wait for the end of its run."""
    deployment = ask(api, "/deployments/filter", {})[0]["id"]
    run = ask(api, f"/deployments/{deployment}/create_flow_run", {})["id"]
    ends = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")

    def state() -> str:
        return str(ask(api, "/flow_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})[0]["state_type"])

    until(lambda: state() in ends)
    return state()


def test_a_stack_serves_runs_brings_back_what_is_killed_and_leaves_nothing(project: Project, free_port: int) -> None:
    first = project.told("up", "--detach", "--port", str(free_port))
    assert first["already_up"] is False
    assert {one["name"]: one["state"] for one in first["services"]} == {
        "prefect": "healthy", "e2b": "healthy", "weaviate": "left out", "state": "healthy", "worker": "healthy",
    }  # fmt: skip
    again = project.runner("up", "--detach")
    assert "is up already" in again.stderr
    assert [line.split()[0] for line in again.stdout.splitlines()[:6]] == [
        "service", "prefect", "e2b", "state", "worker", "weaviate",
    ]  # fmt: skip
    assert "weaviate: " in again.stdout
    assert project.told("up")["api_url"] == first["api_url"], "it is the server that commands find without `--all`"

    before = project.part("e2b")
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)
    until(lambda: project.part("e2b").state == "healthy" and project.part("e2b").restarts == 1)

    lines = project.runner("up", "--print-env").stdout.splitlines()
    exported = dict(shlex.split(line)[1].split("=", 1) for line in lines)
    assert exported["PREFECT_API_URL"] == f"http://127.0.0.1:{free_port}/api"
    project.environ |= exported
    project.runner("deploy", "stacked.yaml")
    assert triggered(exported["PREFECT_API_URL"]) == "COMPLETED"
    assert "said by 42" in project.runner("logs", "last").stdout
    assert project.told("status", "last")["boxes"], "the run had a box"
    for log in (record.folder(project.state) / "logs").iterdir():
        assert exported["E2B_API_KEY"] not in log.read_text()
    assert stat.S_IMODE((record.folder(project.state) / "private.json").stat().st_mode) == 0o600

    told = project.told("doctor")["stack"]
    assert told["up"]
    assert told["memory_bytes"] > 100 * 2**20
    services = {each["name"]: each for each in told["services"]}
    assert (services["e2b"]["restarts"], services["e2b"]["last_end"]) == (1, "ended with SIGKILL")
    assert services["prefect"]["version"] == version("prefect")

    processes = below(first["pid"]) | {first["pid"]: start_ticks(first["pid"])}
    assert len(processes) > 6
    os.kill(first["pid"], signal.SIGKILL)
    left = project.runner("doctor", code=1).stdout
    assert f"process {first['pid']} is gone" in left
    assert "is left, and nobody looks after it" in left
    down = project.told("down")
    assert down == {"stopped": True, "pid": first["pid"], "services": ["prefect", "e2b", "state", "worker"]}
    until(lambda: not alive(processes), seconds=10)
    assert project.told("down") == {"stopped": False, "pid": None}


def serves(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def test_what_lives_and_does_not_answer_is_noticed_and_serves_again(empty: Project) -> None:
    empty.runner(
        "up", "--detach", "--silence", "6", "--without", "prefect", "--without", "worker", "--without", "weaviate"
    )
    edge, gateway = empty.part("e2b"), notice.process_of(empty.state / "state")
    assert edge.pid is not None
    assert gateway is not None
    for pid in (edge.pid, gateway):
        os.kill(pid, signal.SIGSTOP)
    assert not serves(edge.address)

    until(lambda: all(empty.part(name).restarts and empty.part(name).state == "healthy" for name in ("e2b", "state")))

    assert empty.part("e2b").last == "did not answer for 6 s"
    assert serves(edge.address), "at the same address"
    assert notice.process_of(empty.state / "state") not in (gateway, None)
    assert empty.told("status") == []
    log = record.log_path(empty.state, "supervisor")
    until(lambda: "e2b is healthy again" in log.read_text())
    assert "e2b did not answer for 6 s; it is started again in 0.5 s" in log.read_text()


ONLY_STATE = ("--without", "prefect", "--without", "e2b", "--without", "weaviate", "--without", "worker")


def test_what_a_killed_supervisor_has_left_is_ended_by_the_next_and_ctrl_c_ends_all_in_order(empty: Project) -> None:
    with empty.begin(*ONLY_STATE, "--json") as killed:
        assert killed.stdout is not None
        left = json.loads(killed.stdout.readline())["services"][0]
        killed.kill()
    assert start_ticks(left["pid"]) == left["ticks"], "services outlive a supervisor that is killed"

    with empty.begin(*ONLY_STATE, "--json") as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert (said["healthy"], said["services"][0]["state"]) == (True, "healthy")
        assert start_ticks(left["pid"]) != left["ticks"]
        processes = below(process.pid)
        assert len(processes) >= 2
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    until(lambda: not alive(processes), seconds=10)
    assert record.read(empty.state) is None


def test_what_cannot_be_is_told(empty: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert f"port {port} is taken" in empty.runner("up", "--detach", "--port", str(port), code=2).stderr
    assert "runner up --detach" in empty.runner("up", "--print-env", code=2).stderr
    assert "Services are prefect, e2b" in empty.runner("up", "--detach", "--without", "redis", code=2).stderr
    assert "--detach" in empty.runner("up", "--without", "e2b", code=2).stderr
