"""Workers of a real Prefect server, and what a person's clicks in its pages ask of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.prefect_api import ask


class Server:
    """The few calls of the API that a person's clicks in the pages make."""

    def __init__(self, api: str) -> None:
        self.api = api

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return ask(self.api, path, body)

    def deployment(self, name: str) -> str:
        found = self.ask("/deployments/filter", {"deployments": {"name": {"any_": [name]}}})
        assert len(found) == 1, f"{name} is not deployed"
        return str(found[0]["id"])

    def trigger(self, name: str, parameters: dict[str, Any] | None = None) -> str:
        id_ = self.deployment(name)
        return str(self.ask(f"/deployments/{id_}/create_flow_run", {"parameters": parameters or {}})["id"])

    def state(self, run: str) -> str:
        return str(self.ask(f"/flow_runs/{run}")["state_type"])

    def wait(self, run: str, *states: str, seconds: float = 60) -> str:
        deadline = time.monotonic() + seconds
        while (state := self.state(run)) not in states:
            assert time.monotonic() < deadline, f"{state}, not {states}"
            time.sleep(0.1)
        return state


def command(folder: Path, api: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "runner", *words], cwd=folder, env={**os.environ, "PREFECT_API_URL": api}, timeout=90,
        capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def status(project: Path, prefect_api: str, run: str = "last") -> dict[str, Any]:
    return dict(json.loads(command(project, prefect_api, "status", run, "--json")))


@contextmanager
def working(project: Path, prefect_api: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that serves the project's pool until the block ends, and has ended then."""
    with (project / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "runner", "worker", "--pool", project.name],
            cwd=project,
            env={**os.environ, "PREFECT_API_URL": prefect_api},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            until(lambda: f"work pool {project.name}" in (project / "worker.log").read_text())
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def children(pid: int) -> set[int]:
    """All living processes below a process."""
    above = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:
            continue
        above[int(path.parent.name)] = int(text.rpartition(")")[2].split()[1])
    found, todo = set(), {pid}
    while todo := {each for each, parent in above.items() if parent in todo} - found:
        found |= todo
    return found


def launchers(pid: int) -> list[int]:
    """The processes of a worker that stand for its runs."""
    return [each for each in children(pid) if b"launch.py" in cmdline(each)]


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def until(holds: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.2)
