"""Real `runner run` processes on the embedded endpoint: a run, Ctrl-C, kill -9, and what is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.acceptance

SPEC = """\
spec: 1
name: long
sandboxes: {{fresh: {{needs: {{runtime: shell}}, scope: step}}}}
steps:
  first: {{run: echo done}}
  long: {{after: [first], run: 'echo begun; sleep {mark} & sleep {mark}'}}
  other: {{after: [first], sandbox: fresh, run: 'setsid sleep {mark}'}}
  never: {{after: [long], run: echo never}}
finally: {{run: echo last words}}
"""


class Runner:
    """`runner` with a state folder of its own, as a person starts it."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.folder = folder
        # A number of seconds that no other process of this machine sleeps.
        self.mark = f"{60_000 + os.getpid() % 1000}.{time.time_ns() % 10**9:09d}"
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *words: str) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("E2B_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "runner", *words, "--state", str(self.state)],
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

    def long(self) -> subprocess.Popen[str]:
        """A run in the middle: both sleeping steps are up."""
        spec = self.folder / "long.yaml"
        spec.write_text(SPEC.format(mark=self.mark))
        process = self.start("run", str(spec))
        assert eventually(lambda: len(self.sleepers()) >= 3 or process.poll() is not None), "the steps did not start"
        assert process.poll() is None, process.communicate()
        return process

    def sleepers(self) -> list[int]:
        """The live processes that sleep for our mark."""
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            line = process.info["cmdline"] or []
            if line[:1] == ["sleep"] and self.mark in line and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        return found


def eventually(true: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return true()


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    made = Runner(tmp_path)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def test_hello_runs_and_can_be_looked_at(runner: Runner, root: Path) -> None:
    ran = runner("run", str(root / "specs" / "hello.yaml"), "-i", "who=bob", "--engine", "local")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("engine: local (with Prefect: ")
    assert "close │ that name has 3 letters" in ran.stdout
    assert "milestone greeted reached" in ran.stdout
    status = json.loads(runner("status", "last", "--json").stdout)
    assert status["run"]["state"] == "succeeded"
    assert {step["state"] for step in status["steps"]} == {"succeeded"}
    assert {box["state"] for box in status["boxes"]} == {"killed"}
    verified = runner("audit", "verify", "last")
    assert verified.returncode == 0
    assert "chain ok" in verified.stdout
    assert "hello, bob" in runner("logs", "last", "greet").stdout


SLOW = """\
spec: 1
name: slow
steps:
  made: {{run: 'echo "n=7" >> "$RUNNER_OUTPUT"; echo of-made > half', outputs: {{n: {{type: integer}}}}}}
  long: {{run: 'echo "n is ${{{{ steps.made.outputs.n }}}}"; [ "$RUNNER_ATTEMPT" = 2 ] || sleep {mark}'}}
  last: {{after: [long], run: cat half}}
"""


def test_a_run_that_was_killed_goes_on_where_it_was(runner: Runner) -> None:
    spec = runner.folder / "slow.yaml"
    spec.write_text(SLOW.format(mark=runner.mark))
    process = runner.start("run", str(spec), "--engine", "local")
    assert eventually(lambda: bool(runner.sleepers()) or process.poll() is not None), "the step did not start"
    process.send_signal(signal.SIGKILL)
    process.wait()
    status = runner("status", "last")
    assert "go on with it: runner resume" in status.stdout

    resumed = runner("resume", "--all", "--engine", "local")

    assert resumed.returncode == 0, resumed.stderr
    steps = {step["key"]: step for step in json.loads(runner("status", "last", "--json").stdout)["steps"]}
    assert {key: (step["state"], step["attempt"]) for key, step in steps.items()} == {
        "made": ("succeeded", 1), "long": ("succeeded", 2), "last": ("succeeded", 1),
    }  # fmt: skip
    assert "n is 7" in runner("logs", "last", "long").stdout
    # All in one box, which came to rest as files when its run was killed.
    assert runner("logs", "last", "last").stdout == "of-made\n"
    assert "box.found" in runner("audit", "export", "last").stdout
    assert "chain ok" in runner("audit", "verify", "last").stdout
    assert eventually(lambda: not runner.sleepers())
    assert "has ended" in runner("resume", "last").stderr


REACHING = """\
spec: 1
name: reaching
sandboxes: {open: {needs: {runtime: shell, network: {allow: [127.0.0.2]}}}}
steps:
  named: {sandbox: open, run: 'curl -s http://127.0.0.2:9/'}
  other: {sandbox: open, run: 'curl -s http://192.0.2.1/'}
  closed: {run: 'curl -s http://192.0.2.1/'}
"""


def test_boxes_of_a_run_have_a_way_out_where_it_is_asked_for(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    (runner.folder / "reaching.yaml").write_text(REACHING)
    refused = runner("run", "reaching.yaml", "--engine", "local")
    assert refused.returncode == 4
    assert "set RUNNER_E2B_EGRESS=1" in refused.stderr
    monkeypatch.setenv("RUNNER_E2B_EGRESS", "1")
    done = runner("run", "reaching.yaml", "--engine", "local")
    assert done.returncode == 0, done.stderr
    assert "named │ this box may not reach 127.0.0.2:9: 127.0.0.2 is an address of this machine" in done.stdout
    assert "other │ this box may not reach 192.0.2.1:80: deny_out has 0.0.0.0/0, and allow_out does not" in done.stdout
    assert "closed │ this box may not reach 192.0.2.1:80: it was made with allow_internet_access=False" in done.stdout


def test_ctrl_c_frees_everything_and_is_written_down(runner: Runner) -> None:
    process = runner.long()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=40)
    assert process.returncode == 130, err
    assert "stopping after Ctrl-C" in err
    assert "finally │ last words" in out
    assert runner.sleepers() == []
    status = json.loads(runner("status", "last", "--json").stdout)
    assert status["run"]["state"] == "cancelled"
    states = {step["key"]: step["state"] for step in status["steps"]}
    assert states == {
        "first": "succeeded",
        "long": "cancelled",
        "other": "cancelled",
        "never": "cancelled",
        "finally": "succeeded",
    }
    assert {box["state"] for box in status["boxes"]} == {"killed"}
    assert runner("audit", "verify", "last").returncode == 0


def test_a_second_ctrl_c_and_a_sigterm_lose_nothing(runner: Runner) -> None:
    process = runner.long()
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
        process.send_signal(number)
        time.sleep(0.02)
    _, err = process.communicate(timeout=40)
    assert process.returncode == 130, err
    assert runner.sleepers() == []
    status = json.loads(runner("status", "last", "--json").stdout)
    assert status["run"]["state"] == "cancelled"
    assert runner("audit", "verify", "last").returncode == 0


def test_kill_9_in_the_middle_leaves_the_truth_and_no_orphan(runner: Runner) -> None:
    process = runner.long()
    process.kill()
    process.wait()
    assert eventually(lambda: runner.sleepers() == []), "processes of a box outlived their runner"
    status = json.loads(runner("status", "last", "--json").stdout)
    assert status["run"]["state"] == "interrupted"
    states = {step["key"]: step["state"] for step in status["steps"]}
    assert states["first"] == "succeeded"
    assert states["never"] == "pending"
    verified = runner("audit", "verify", "last")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    run = status["run"]["id"]
    plan = json.loads((runner.state / "runs" / run / "plan.json").read_bytes())
    assert plan["name"] == "long"
    again = runner("run", str(runner.folder / "long.yaml"), "--engine", "nonsense")
    assert again.returncode == 2
