"""What a spec allows is held to by `runner run`: budgets and policies of one run, places that many processes share."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.acceptance

THRIFTY = """\
spec: 1
name: thrifty
sandboxes: {own: {needs: {runtime: shell}, budget: {hours: 0.001}}}
steps: {dear: {sandbox: own, run: touch made}}
finally: {run: echo the end}
"""

DOOR = """\
spec: 1
name: door
steps: {inside: {concurrency: {group: GROUP, limit: 2}, run: 'echo in; sleep 60'}}
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`runner run SPEC`, each with a state folder of its own; what still runs at the end is ended."""
    started: list[subprocess.Popen[str]] = []
    numbers = count()

    def begin(spec: str) -> subprocess.Popen[str]:
        number = next(numbers)
        (tmp_path / f"{number}.yaml").write_text(spec)
        words = ["run", f"{number}.yaml", "--engine", "local", "--json", "--events", "--state", f"state-{number}"]
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "runner", *words],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        )  # fmt: skip
        return started[-1]

    yield begin
    for process in started:
        process.send_signal(signal.SIGINT)
    for process in started:
        process.communicate(timeout=40)


def report(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=50)
    assert out, err
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found | {"code": process.returncode}


def hears(process: subprocess.Popen[str], type_: str) -> dict[str, Any]:
    """The run's next event of a type."""
    assert process.stdout is not None
    for line in process.stdout:
        event: dict[str, Any] = json.loads(line)
        if event.get("type") == type_:
            return event
    raise AssertionError(process.communicate()[1])


def test_a_budget_is_not_overspent(start: Start) -> None:
    spent = report(start(THRIFTY))
    assert (spent["code"], spent["run"]["state"]) == (1, "failed")
    (dear, last) = spent["steps"]
    assert (dear["error_class"], last["state"]) == ("budget", "succeeded")
    assert dear["message"].endswith("its budget of 0.001 h covers no more box: $0.0000 and 0 h are used")


def test_a_place_that_a_killed_process_held_goes_to_the_next_one(start: Start, tmp_path: Path) -> None:
    spec = DOOR.replace("GROUP", f"door of {tmp_path.name}")
    inside = [start(spec), start(spec)]
    for process in inside:
        hears(process, "step.started")
    waiting = start(spec)
    told = hears(waiting, "step.waiting")["data"]
    assert (told["limit"], len(told["holders"])) == (2, 2)
    inside[0].kill()
    assert hears(waiting, "step.started")["step"] == "inside"
