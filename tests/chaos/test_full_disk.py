"""No space in the middle of a run: it is told, nothing acknowledged is lost, and the run goes on when there is some."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.acceptance

SPEC = """\
spec: 1
name: full
sandboxes: {own: {needs: {runtime: shell}, scope: step}, shared: {needs: {runtime: shell}}}
steps:
  a: {sandbox: shared, run: echo of-a > kept}
  b: {sandbox: own, after: [a], run: echo began; sleep 2}
  c: {sandbox: shared, after: [b], run: grep of-a kept}
"""


def test_a_run_without_space_says_so_and_goes_on_when_there_is_some(tmp_path: Path) -> None:
    (tmp_path / "full.yaml").write_text(SPEC)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("E2B_", "RUNNER_"))}
    base = [sys.executable, "-m", "runner"]
    process = subprocess.Popen(
        [*base, "run", "full.yaml"], cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True
    )
    log = tmp_path / ".runner" / "runs"
    while not list(log.rglob("b.1.jsonl")):
        assert process.poll() is None
        time.sleep(0.02)
    # What no file may exceed any more, none of the process's can grow beyond: as on a disk that is full, without one.
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    _, told = process.communicate(timeout=40)
    assert process.returncode == 4, told
    assert "no space left" in told
    assert "Traceback" not in told
    again = subprocess.run(
        [*base, "resume", "last"], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=50
    )
    assert again.returncode == 0, again.stderr
    check = subprocess.run(
        [*base, "state", "check"], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=50
    )
    assert "every document is as it says" in check.stdout
