"""`runner supervise`: what is killed goes on by itself, and nothing of it is done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.acceptance

SPEC = """
spec: 1
name: supervised
sandboxes: {box: {needs: {runtime: shell}}}
steps:
  first: {sandbox: box, run: "echo once >> made"}
  second: {sandbox: box, after: [first], run: "test $RUNNER_ATTEMPT = 2 || sleep 30; echo twice >> made"}
  third:
    sandbox: box
    after: [second]
    run: |
      cat made
      test "$(cat made | tr '\\n' ' ')" = "once twice "
"""


def command(state: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "runner", *words, "--state", str(state)]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "supervised.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture
def brief(tmp_path: Path) -> Path:
    """The same, for a run that is not to be killed: its second step ends though nobody makes it again."""
    path = tmp_path / "brief.yaml"
    path.write_text(SPEC.replace("sleep 30", "sleep 1.5"))
    return path


def called(state: Path, root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(state, *words), cwd=root, capture_output=True, text=True, timeout=50, check=False)


def told(state: Path, root: Path, *words: str) -> Any:
    done = called(state, root, *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def until(true: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + 45
    while not (found := true()):
        assert time.monotonic() < end, what
        time.sleep(0.1)
    return found


class Lines:
    """What a supervisor says."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.all: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.all.append(json.loads(line))

    def of(self, what: str) -> list[dict[str, Any]]:
        return [each for each in list(self.all) if each["what"] == what]


@contextmanager
def supervising(state: Path, root: Path, *words: str) -> Iterator[Lines]:
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    line = command(state, "supervise", "--engine", "local", "--json", *words)
    with subprocess.Popen(line, cwd=root, stdout=subprocess.PIPE, text=True, env=environ) as process:
        try:
            yield Lines(process)
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def running(state: Path, spec: Path, root: Path) -> Iterator[subprocess.Popen[str]]:
    line = command(state, "run", str(spec), "--engine", "local", "--json", "--events")
    quiet = subprocess.DEVNULL
    with subprocess.Popen(line, cwd=root, stdout=subprocess.PIPE, stderr=quiet, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def reached(process: subprocess.Popen[str], type_: str, step: str) -> str:
    """Read a run's events up to this one; the run's id."""
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if (event["type"], event["step"]) == (type_, step):
            return str(event["run"])
    raise AssertionError(f"the run ended before {type_} of {step}")


def attempts(shown: dict[str, Any]) -> dict[str, int]:
    return {each["key"]: each["attempt"] for each in shown["steps"]}


def states(state: Path, root: Path, runs: Sequence[str]) -> dict[str, str]:
    return {each["id"]: each["state"] for each in told(state, root, "status", "--json") if each["id"] in runs}


def test_a_killed_run_ends_by_itself_with_nothing_repeated(tmp_path: Path, root: Path, spec: Path) -> None:
    state = tmp_path / "state"
    with supervising(state, root) as lines, running(state, spec, root) as process:
        run = reached(process, "step.started", "second")
        process.send_signal(signal.SIGKILL)
        until(lambda: lines.of("ended"), "nobody went on with it")
        again = called(state, root, "supervise")
        assert (again.returncode, f"another supervisor works on {state}" in again.stderr) == (4, True)
    shown = told(state, root, "status", run, "--json")
    assert shown["run"]["state"] == "succeeded", shown["run"]["message"]
    assert attempts(shown) == {"first": 1, "second": 2, "third": 1}
    assert [each["exit_code"] for each in lines.of("ended")] == [0]
    assert lines.process.returncode == 0
    assert not list((state / "boxes").iterdir())


def test_two_runs_by_one_gateway_are_killed_with_it_and_both_end(
    tmp_path: Path, root: Path, spec: Path, brief: Path
) -> None:
    state = tmp_path / "state"
    with supervising(state, root, "--gateway") as lines, ExitStack() as kept_alive:
        first = until(lambda: lines.of("gateway"), "no gateway serves")[0]
        with running(state, spec, root) as one, running(state, spec, root) as two:
            killed = [reached(each, "step.started", "second") for each in (one, two)]
            alive = kept_alive.enter_context(running(state, brief, root))
            kept = reached(alive, "step.started", "second")
            os.kill(first["pid"], signal.SIGKILL)
            for each in (one, two):
                each.kill()
            until(lambda: len(lines.of("ended")) == 2, "not both went on")
            until(lambda: alive.poll() is not None, "the run that nobody killed did not end")
            assert alive.returncode == 0
        second = lines.of("gateway")[1]
        assert second["url"] == first["url"]
        assert second["pid"] != first["pid"]
        for run in (*killed, kept):
            shown = told(state, root, "status", run, "--json")
            assert shown["run"]["state"] == "succeeded", shown["run"]["message"]
            assert attempts(shown) == {"first": 1, "second": 1 if run == kept else 2, "third": 1}
        checked = called(state, root, "state", "check")
        assert "every journal holds" in checked.stdout, checked.stderr
    until(lambda: not Path(f"/proc/{second['pid']}").exists(), "the gateway did not end with its last client")


def test_the_end_of_a_supervisor_ends_no_run(tmp_path: Path, root: Path, spec: Path) -> None:
    state = tmp_path / "state"
    with supervising(state, root, "--gateway") as lines:
        until(lambda: lines.of("gateway"), "no gateway serves")
        with running(state, spec, root) as process:
            run = reached(process, "step.started", "second")
            process.kill()
            until(lambda: lines.of("resumed"), "nobody went on with it")
    assert [each["run"] for each in lines.of("goes-on")] == [run]
    until(lambda: states(state, root, [run]) == {run: "succeeded"}, "the run did not end")


def test_of_many_processes_that_resume_one_run_one_does(tmp_path: Path, root: Path, spec: Path) -> None:
    state = tmp_path / "state"
    with supervising(state, root, "--gateway", "--tries", "1") as lines:
        until(lambda: lines.of("gateway"), "no gateway serves")
        lines.process.send_signal(signal.SIGSTOP)  # it is not to be one of them
        try:
            with running(state, spec, root) as process:
                run = reached(process, "step.started", "second")
                process.kill()
            line = command(state, "resume", run, "--engine", "local", "--quiet")
            pipe = subprocess.PIPE
            tries = [subprocess.Popen(line, cwd=root, stdout=pipe, stderr=pipe, text=True) for _ in range(4)]
            said = [(each.communicate(timeout=50)[1], each.returncode) for each in tries]
        finally:
            lines.process.send_signal(signal.SIGCONT)
    assert sorted(code for _, code in said) == [0, 2, 2, 2], said
    assert all("go on with" in words or "is going on" in words or "has ended" in words for words, code in said if code)
    assert attempts(told(state, root, "status", run, "--json")) == {"first": 1, "second": 2, "third": 1}
