"""What a step left in a WebContainer is exported, and tested in a box of E2B's: real processes, one after another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.sandbox import webcontainer_ready

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(150)]

MAKE = """
spec: 1
name: make
sandboxes: {tab: {needs: {runtime: node, browser: true}, prefer: [webcontainer]}}
steps:
  make: {sandbox: tab, run: "node -e \\"require('fs').writeFileSync('made.js', 'module.exports = 42')\\""}
"""
CHECK = """
spec: 1
name: check
sandboxes: {box: {needs: {runtime: node}, prefer: [e2b]}}
steps:
  check: {sandbox: box, run: "node -p \\"require('./made.js') + require('./given.js')\\""}
"""


def call(folder: Path, *words: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "runner", *words, "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_a_snapshot_of_a_webcontainer_is_what_a_box_of_another_provider_begins_with(
    tmp_path: Path, missing: Callable[[str], None]
) -> None:
    if lacking := webcontainer_ready.lacking(os.environ):
        missing(lacking)
    (tmp_path / "make.yaml").write_text(MAKE)
    (tmp_path / "check.yaml").write_text(CHECK)
    made = json.loads(call(tmp_path, "run", "make.yaml", "--engine", "local", "--snapshots"))
    run = made["run"]["id"]
    assert made["steps"][0]["provider"] == "webcontainer"
    call(tmp_path, "snapshot", "export", run, "make", "out.tar")
    (tmp_path / "given.js").write_text("module.exports = 1\n")
    with tarfile.open(tmp_path / "out.tar", "a") as tar:
        assert tar.getnames() == ["made.js"]
        tar.add(tmp_path / "given.js", "given.js")
    call(tmp_path, "snapshot", "import", run, "make", "out.tar")
    checked = json.loads(call(tmp_path, "run", "check.yaml", "--engine", "local", "--from-snapshot", f"box={run}:make"))
    assert checked["steps"][0]["provider"] == "e2b"
    log = subprocess.run(
        [sys.executable, "-m", "runner", "logs", checked["run"]["id"]], cwd=tmp_path, capture_output=True, text=True
    )
    assert "43" in log.stdout
    assert json.loads(call(tmp_path, "audit", "verify"))[0]["ok"] is True
