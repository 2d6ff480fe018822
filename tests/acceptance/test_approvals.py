"""Decisions from other processes: while a run goes on, and after its process was killed with -9."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.acceptance

SHIP = """\
spec: 1
name: ship
steps:
  gate:
    approve: {prompt: "Ship ${{ run.name }}?", form: {share: {type: integer, minimum: 1, maximum: 100}}}
outputs: {share: {value: "${{ steps.gate.outputs.share }}"}}
"""

PAY = """\
spec: 1
name: pay
steps:
  gate: {approve: {prompt: Pay?}}
  pay: {idempotent: false, run: 'echo paying; [ "$RUNNER_ATTEMPT" = 2 ] || sleep 50'}
  beside: {run: echo beside}
  done: {after: [gate, pay], run: echo done}
"""


class Runner:
    """`runner` with a state folder of its own, as people start it from several terminals."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *words: str) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("E2B_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "runner", *words, "--state", "state"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            cwd=self.folder,
        )
        self.started.append(process)
        return process

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=50)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def status(self) -> dict[str, Any]:
        """What `runner status` says of the newest run; nothing before there is one."""
        found: dict[str, Any] = json.loads(self("status", "last", "--json").stdout or "{}")
        return found

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The status as soon as that holds."""
        end = time.monotonic() + 40
        while time.monotonic() < end:
            if (found := self.status()) and holds(found):
                return found
            time.sleep(0.2)
        raise AssertionError(self("status", "last").stdout)


def asks(*names: str) -> Callable[[dict[str, Any]], bool]:
    return lambda found: [each["step"] for each in found["run"]["asks"]] == [*names]


def states(found: dict[str, Any]) -> dict[str, tuple[str, int]]:
    return {step["key"]: (step["state"], step["attempt"]) for step in found["steps"]}


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    made = Runner(tmp_path)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_second_process_approves_what_the_first_one_waits_for(runner: Runner) -> None:
    (runner.folder / "ship.yaml").write_text(SHIP)
    first = runner.start("run", "ship.yaml", "--engine", "local")
    found = runner.until(asks("gate"))
    assert found["run"]["asks"][0]["prompt"] == "Ship ship?"
    wrong = runner("approve", "last", "-i", "share=101", "-i", "other=x")
    assert wrong.returncode == 2
    assert "field `share`: 101 is more than the maximum 100" in wrong.stderr
    assert "no field `other`" in wrong.stderr

    right = runner("approve", "last", "-i", "share=25", "--comment", "as agreed")

    assert right.returncode == 0, right.stderr
    assert right.stdout.endswith(": approved\n")
    out, err = first.communicate(timeout=30)
    assert first.returncode == 0, err
    assert "a person is asked: Ship ship?" in out
    assert runner.status()["run"]["outputs"] == {"share": 25}
    assert "has ended" in runner("approve", "last").stderr


def test_a_run_that_was_killed_while_it_waited_takes_the_answer_and_asks_before_it_pays_again(runner: Runner) -> None:
    (runner.folder / "pay.yaml").write_text(PAY)
    first = runner.start("run", "pay.yaml", "--engine", "local")
    begun = {"gate": ("paused", 1), "pay": ("running", 1), "beside": ("succeeded", 1), "done": ("pending", 0)}

    def paying(found: dict[str, Any]) -> bool:
        return states(found) == begun and "paying" in runner("logs", "last", "pay").stdout

    runner.until(paying)
    first.send_signal(signal.SIGKILL)
    first.wait()
    kept = runner("approve", "last", "gate")
    assert kept.returncode == 0, kept.stderr
    assert "kept: no process runs it now" in kept.stdout
    (request,) = (runner.folder / "state").glob("runs/*/requests/*.json")
    assert stat.S_IMODE(request.stat().st_mode) == 0o600

    resumed = runner("resume", "last", "--engine", "local", "--no-wait")

    assert resumed.returncode == 1
    found = runner.status()
    assert (found["run"]["state"], [each["step"] for each in found["run"]["asks"]]) == ("paused", ["pay"])
    assert states(found) == {
        "gate": ("succeeded", 1), "pay": ("paused", 1), "beside": ("succeeded", 1), "done": ("pending", 0),
    }  # fmt: skip
    assert not request.exists()
    assert runner("approve", "last").returncode == 0
    done = runner("resume", "last", "--engine", "local")
    assert done.returncode == 0, done.stdout + done.stderr
    assert states(runner.status())["pay"] == ("succeeded", 2)
    journal = [json.loads(line) for line in runner("audit", "export", "last").stdout.splitlines()]
    assert sum(each.get("type") == "approval.decided" for each in journal) == 2
    assert "chain ok" in runner("audit", "verify", "last").stdout


def test_another_process_pauses_a_run_and_cancels_it(runner: Runner) -> None:
    (runner.folder / "ship.yaml").write_text(SHIP)
    first = runner.start("run", "ship.yaml", "--engine", "local")
    runner.until(asks("gate"))
    paused = runner("pause", "last", "--reason", "lunch")
    assert paused.returncode == 0, paused.stderr
    out, _ = first.communicate(timeout=30)
    assert first.returncode == 1
    assert ": lunch" in out
    assert "it is paused" in runner("pause", "last").stderr

    second = runner.start("resume", "last", "--engine", "local")
    runner.until(lambda found: found["run"]["state"] == "running")
    cancelled = runner("cancel", "last", "--reason", "not today")

    assert cancelled.returncode == 0, cancelled.stderr
    out, _ = second.communicate(timeout=30)
    assert second.returncode == 130
    assert ": not today" in out
    assert states(runner.status()) == {"gate": ("cancelled", 1)}
