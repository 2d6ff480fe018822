"""specs/self-check.yaml as it is: this repository tested, built and installed in real boxes without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.acceptance
@pytest.mark.timeout(300)
def test_the_repository_checks_itself_in_boxes(tmp_path: Path, root: Path, missing: Callable[[str], None]) -> None:
    if not any((root / ".cache" / "wheelhouse").glob("*.whl")):
        missing("the wheels that the boxes install are absent (make setup)")
    words = ["run", "specs/self-check.yaml", "--engine", "local", "--json", "--state", str(tmp_path), "-i", "shards=2"]
    done = subprocess.run(
        [sys.executable, "-m", "runner", *words],
        cwd=root,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
        timeout=290,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["run"]["state"] == "succeeded"
    assert {each["key"]: each["state"] for each in found["milestones"]} == {
        "tested": "reached",
        "built": "reached",
        "works": "reached",
    }
    steps = {each["key"]: each for each in found["steps"]}
    assert all(steps[f"test[shard={shard}]"]["outputs"]["passed"] > 100 for shard in (0, 1))
    assert {each["key"] for each in found["artifacts"]} >= {"build/wheel", "test[shard=0]/report"}
