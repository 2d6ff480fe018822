"""Processes are stopped with all that descend from them, and go on but for those that stood still before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from runner.embedded.e2b.limits import freezing

#: A family: children, grandchildren, one started by a thread, and one that forks all the time.
_FAMILY = """
import os, subprocess, sys, threading, time
subprocess.Popen(["sh", "-c", "sleep 100 & sleep 100"])
threading.Thread(target=lambda: (subprocess.Popen(["sleep", "100"]), time.sleep(100)), daemon=True).start()
subprocess.Popen(["sh", "-c", "while :; do /bin/true; done"])
time.sleep(0.2)
print("ready", flush=True)
time.sleep(100)
"""


@pytest.fixture
def family() -> Iterator[int]:
    """The process above the family."""
    words = [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_FAMILY!r}])"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as top:
        assert top.stdout is not None
        assert top.stdout.readline() == "ready\n"
        yield top.pid
        freezing.stop(top.pid)  # or it would fork on while we end it
        for pid in [*freezing.descendants(top.pid), top.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _states(pids: list[int]) -> str:
    """The states of those that are still there: what forks all the time goes on to end its children."""
    found = ""
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            found += Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    return found


def _name(pid: int) -> str:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/comm").read_text()
    return ""


def _eventually(pids: list[int], moving: bool) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if ("T" in _states(pids)) is not moving:
            return True
        time.sleep(0.01)
    return False


def test_all_of_a_family_stop_and_go_on(family: int) -> None:
    before = freezing.stop(family)
    stopped = freezing.descendants(family)
    assert len(stopped) >= 6
    # D: it has forked by vfork(2) a process that was stopped before it became another program, and waits for that.
    assert set(_states(stopped)) <= {"T", "Z", "D"}
    assert freezing.descendants(family) == stopped, "nothing is forked any more"
    assert not before
    freezing.resume(family, before)
    assert _eventually(stopped, moving=True)


def test_what_stood_still_before_stays(family: int) -> None:
    still = next(pid for pid in freezing.descendants(family) if _name(pid) == "sleep\n")
    os.kill(still, signal.SIGSTOP)
    assert _eventually([still], moving=False)
    before = freezing.stop(family)
    assert before == {still}
    freezing.resume(family, before)
    assert _states([still]) == "T"


def test_a_process_that_is_not_there_has_no_family() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert freezing.descendants(ended.pid) == []
    assert freezing.stop(ended.pid) == frozenset()
