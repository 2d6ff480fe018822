"""`runner run specs/webcontainer.yaml`: npm and express in a WebContainer, their folder carried to a box of E2B."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.sandbox import webcontainer_ready

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]


def test_the_shipped_spec_is_served_in_a_webcontainer_and_carried_to_another_provider(
    root: Path, tmp_path: Path, missing: Callable[[str], None]
) -> None:
    if lacking := webcontainer_ready.lacking(os.environ):
        missing(lacking)
    for program in ("npm", "node"):
        if shutil.which(program) is None:
            missing(f"{program} is not installed: apt-get install npm nodejs")
    more = ["--state", str(tmp_path / "state"), "--json", "--events"]
    done = subprocess.run(
        [sys.executable, "-m", "runner", "run", "specs/webcontainer.yaml", "--engine", "local", *more],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    *events, report = map(json.loads, done.stdout.splitlines())
    assert report["run"]["outputs"] == {"tab": "a WebContainer", "box": "another box"}
    providers = {each["step"]: each["data"]["provider"] for each in events if each["type"] == "step.succeeded"}
    assert providers == {"install": "webcontainer", "serve": "webcontainer", "carried": "e2b"}
