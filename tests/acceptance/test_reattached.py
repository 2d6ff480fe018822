"""kill -9 of a run whose command goes on in a box of another process: `runner resume` goes on with that command."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.acceptance

SPEC = """
spec: 1
name: counts
sandboxes: {web: {needs: {runtime: shell}, prefer: [e2b]}}
steps:
  goes_on:
    sandbox: web
    idempotent: false
    run: |
      echo once >> times
      for number in $(seq 20); do echo "line $number"; echo "error $number" >&2; sleep 0.2; done
      cp times times.txt
      echo "times=$(wc -l < times)" >> "$RUNNER_OUTPUT"
    outputs: {times: {type: integer}, file: {artifact: times.txt}}
  ended:
    sandbox: web
    allow_failure: true
    run: |
      echo begun; until [ -e killed ]; do sleep 0.05; done
      echo alone; touch ended; exit 5
  waits: {sandbox: web, run: "until [ -e ended ]; do sleep 0.05; done"}
outputs: {times: {value: "${{ steps.goes_on.outputs.times }}"}}
"""
MARK = """
import sys, e2b
box = e2b.Sandbox.connect(sys.argv[1])
box.files.write("/home/user/killed", "")
box.commands.run("until [ -e /tmp/.runner-kept/*ended*1/code ]; do sleep 0.05; done")
"""


@contextmanager
def serving(root: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """An endpoint that no run takes along when it dies, and the environment that leads there."""
    command = [sys.executable, "-m", "runner", "endpoint", "e2b", *more]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        keys: list[str] = []
        lines = [process.stdout.readline().removeprefix("export ").strip() for _ in range(3)]
        if "--port" not in more:
            keys = [process.stdout.readline().removeprefix("export ").strip()]
        environ = {**os.environ, "PYTHONPATH": str(root)}
        try:
            yield process, environ | dict(line.split("=", 1) for line in (*lines, *keys))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 40
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


class Runs:
    """Runs of one spec, whose processes can be killed."""

    def __init__(self, folder: Path, environ: dict[str, str], spec: str) -> None:
        self.folder, self.environ = folder, environ
        (folder / "spec.yaml").write_text(spec)

    def runner(self, *arguments: str) -> str:
        words = [sys.executable, "-m", "runner", *arguments]
        where: dict[str, Any] = {"cwd": self.folder, "env": self.environ}
        done = subprocess.run(words, capture_output=True, text=True, timeout=50, check=False, **where)
        return done.stdout + done.stderr

    def logged(self, text: str) -> bool:
        return any(text in log.read_text() for log in self.folder.glob(".runner/runs/*/logs/*"))

    def killed_when(self, holds: Callable[[], bool]) -> None:
        words = [sys.executable, "-m", "runner", "run", "spec.yaml", "--quiet"]
        nowhere = subprocess.DEVNULL
        with subprocess.Popen(words, cwd=self.folder, env=self.environ, stdout=nowhere, stderr=nowhere) as run:
            until(holds)
            run.kill()

    def box(self) -> str:
        exported = self.runner("audit", "export", "last")
        return next(event["data"]["box"] for event in events(exported) if event["type"] == "box.created")


def events(exported: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in exported.splitlines() if line.startswith("{")]
    return [line for line in lines if "type" in line]


def test_output_goes_on_once_and_the_exit_code_counts(root: Path, tmp_path: Path) -> None:
    with serving(root) as (_, environ):
        runs = Runs(tmp_path, environ, SPEC)
        runs.killed_when(lambda: runs.logged("line 3") and runs.logged("begun"))
        subprocess.run([sys.executable, "-c", MARK, runs.box()], env=environ, check=True, timeout=50)

        said = runs.runner("resume", "last")

        assert 'outputs {"times": 1}' in said, said
        lines = runs.runner("logs", "last", "goes_on").splitlines()
        assert sorted(lines) == sorted(f"{word} {n}" for word in ("line", "error") for n in range(1, 21))
        assert [line for line in lines if line.startswith("line")] == [f"line {n}" for n in range(1, 21)]
        assert runs.runner("logs", "last", "ended") == "begun\nalone\n"
        told = [event["type"] for event in events(runs.runner("audit", "export", "last"))]
        assert told.count("step.reattached") == told.count("step.started") == 3
        assert "step.interrupted" not in told
        assert "exit code 5: alone" in runs.runner("status", "last")


LOST = """
spec: 1
name: lost
sandboxes: {web: {needs: {runtime: shell}, prefer: [e2b]}}
steps:
  first: {sandbox: web, run: echo of-first > file}
  once: {sandbox: web, idempotent: false, after: [first], run: "until [ -e go ]; do sleep 0.1; done; echo one >> file"}
  long:
    sandbox: web
    after: [first]
    run: 'cat file; touch go; [ "$RUNNER_ATTEMPT" = 2 ] || sleep 8462.5'
  last: {sandbox: web, after: [once, long], run: cat file}
"""


def test_run_and_endpoint_are_killed_and_both_come_back(root: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    kept = ("--folder", str(tmp_path / "endpoint"), "--keep")
    with serving(root, *kept) as (endpoint, environ):
        key = environ["E2B_API_KEY"]
        endpoint.send_signal(signal.SIGINT)
        endpoint.wait(30)
    with serving(root, *kept, "--port", port) as (endpoint, environ):
        runs = Runs(tmp_path, environ | {"E2B_API_KEY": key}, LOST)
        runs.killed_when(lambda: runs.logged("of-first"))
        look = MARK.replace("*ended*", "*once*")
        subprocess.run([sys.executable, "-c", look, runs.box()], env=runs.environ, check=True, timeout=50)
        endpoint.kill()
        endpoint.wait()
    assert not any("8462.5" in (each.info["cmdline"] or []) for each in psutil.process_iter(["cmdline"]))
    with serving(root, *kept, "--port", port):
        said = runs.runner("resume", "last")
        assert "succeeded in" in said, said
        assert runs.runner("logs", "last", "last") == "of-first\none\n"
        told = {(event["type"], event["step"]) for event in events(runs.runner("audit", "export", "last"))}
        assert {("step.reattached", "once"), ("step.interrupted", "long")} <= told
        assert ("approval.asked", "once") not in told
    assert sorted(each.name for each in (tmp_path / "endpoint").iterdir()) == ["kept", "keys.json"]
