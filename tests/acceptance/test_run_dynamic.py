"""Fan-outs, runs below runs and caches in real boxes, by real `runner` processes: how they end, and kill -9."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

PARENT = """\
spec: 1
name: parent
steps:
  list: {run: 'echo "n=[1,2]" >> "$RUNNER_OUTPUT"', outputs: {n: {type: array, items: {type: integer}}}}
  each: {for_each: '${{ steps.list.outputs.n }}', run: 'echo ${{ item }}; sleep MARK'}
  below: {workflow: child.yaml}
"""
CHILD = "spec: 1\nname: child\nsteps: {fine: {run: echo fine}, wait: {after: fine, run: sleep MARK}}\n"


class Runner:
    """`runner` with a state folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = f"{60_000 + os.getpid() % 1000}.{time.time_ns() % 10**9:09d}"
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *words: str, state: str = "state") -> subprocess.Popen[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("E2B_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "runner", *words, "--state", str(self.folder / state)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**env, "XDG_RUNTIME_DIR": str(self.folder)},
            cwd=self.folder,
        )
        self.started.append(process)
        return process

    def __call__(self, *words: str) -> str:
        process = self.start(*words)
        out, err = process.communicate(timeout=100)
        assert process.returncode == 0, out + err
        return out

    def sleepers(self) -> int:
        lines = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
        return sum(line[:1] == ["sleep"] and self.mark in line for line in lines)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    made = Runner(tmp_path)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(true: Any, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.parametrize("spec", ["fan-out", "compose"])
def test_the_example_runs_in_real_boxes(runner: Runner, root: Path, spec: str) -> None:
    path = str(root / "specs" / f"{spec}.yaml")
    first = json.loads(runner("run", path, "--engine", "local", "--json"))
    assert first["run"]["state"] == "succeeded"
    assert {each["state"] for each in first["milestones"]} == {"reached"}
    if spec == "fan-out":
        assert first["run"]["outputs"] == {"words": 6, "tries": 3}
        second = json.loads(runner("run", path, "--engine", "local", "--json", "-i", "chapters=4"))
        cached = [each["key"] for each in second["steps"] if each.get("cached")]
        assert cached == ["count[0]", "count[1]", "count[2]"]
        assert second["run"]["outputs"]["words"] == 10
    else:
        runs = json.loads(runner("status", "--json"))
        assert sorted(run["name"] for run in runs) == ["compose", "page", "page", "page"]
        for run in runs:
            runner("audit", "verify", run["id"])


def test_after_kill_9_all_that_was_acknowledged_is_there(runner: Runner) -> None:
    (runner.folder / "parent.yaml").write_text(PARENT.replace("MARK", runner.mark))
    (runner.folder / "child.yaml").write_text(CHILD.replace("MARK", runner.mark))
    process = runner.start("run", "parent.yaml", "--engine", "local")
    until(lambda: runner.sleepers() >= 3 or process.poll() is not None)
    assert process.poll() is None, process.communicate()

    process.send_signal(signal.SIGKILL)
    process.wait()

    until(lambda: runner.sleepers() == 0)
    runs = {run["name"]: run for run in json.loads(runner("status", "--json"))}
    assert {name: run["state"] for name, run in runs.items()} == {"parent": "interrupted", "child": "interrupted"}
    assert runs["child"]["parent"]["run"] == runs["parent"]["id"]
    steps = {each["key"]: each for each in json.loads(runner("status", "last", "--json"))["steps"]}
    assert {key: each["state"] for key, each in steps.items()} == {
        "list": "succeeded", "each": "interrupted", "each[0]": "interrupted", "each[1]": "interrupted",
        "below": "interrupted",
    }  # fmt: skip
    assert steps["below"]["child"] == runs["child"]["id"]
    for run in runs.values():
        runner("audit", "verify", run["id"])
    again = runner.start("run", "parent.yaml", "--engine", "local")
    until(lambda: runner.sleepers() >= 3 or again.poll() is not None)
    again.send_signal(signal.SIGINT)
    assert again.wait(timeout=60) == 130
    assert {run["state"] for run in json.loads(runner("status", "--json"))} == {"interrupted", "cancelled"}


GROUPED = """\
spec: 1
name: grouped
steps: {work: {matrix: {n: [1, 2]}, run: 'sleep 0.2; echo ${{ matrix.n }}', concurrency: {group: shared}}}
"""


def test_a_group_holds_between_processes_with_state_folders_of_their_own(runner: Runner) -> None:
    (runner.folder / "grouped.yaml").write_text(GROUPED)
    words = ("run", "grouped.yaml", "--engine", "local", "--json")
    processes = [runner.start(*words, state=state) for state in ("one", "two")]
    times = []
    for process in processes:
        out, err = process.communicate(timeout=100)
        assert process.returncode == 0, out + err
        times += [(each["started_at"], each["ended_at"]) for each in json.loads(out)["steps"]]
    assert len(times) == 4
    ordered = sorted(times)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(ordered))
