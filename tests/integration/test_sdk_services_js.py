"""The vendor's JavaScript SDKs for code and desktops: tests/tools/e2b-js/services.mjs, each of its checks a test."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.embedded.e2b.launch import Endpoint

# The first test of a machine waits for the layers to be fetched.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
PROGRAM = Path(__file__).parents[1] / "tools" / "e2b-js" / "services.mjs"
CHECKS = re.findall(r"^check\('([^']+)'", PROGRAM.read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def results(
    equipped_e2b: Endpoint, npm_tools: Callable[[str], Path], missing: Callable[[str], None]
) -> dict[str, dict[str, str]]:
    """What each check of the program came to."""
    modules = npm_tools("e2b-js")
    node = shutil.which("node")
    if node is None:
        missing("node is not installed: apt-get install nodejs")
    where = {
        "E2B_API_URL": equipped_e2b.api_url,
        "E2B_SANDBOX_URL": equipped_e2b.sandbox_url,
        "E2B_API_KEY": equipped_e2b.api_key,
    }
    done = subprocess.run(
        [str(node), str(PROGRAM), str(modules)],
        env={"PATH": os.environ["PATH"], **where},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", CHECKS)
def test_javascript(results: dict[str, dict[str, str]], name: str) -> None:
    assert results[name]["ok"], results[name].get("error")


def test_no_check_is_left_out(results: dict[str, dict[str, str]]) -> None:
    assert list(results) == CHECKS
    assert len(CHECKS) == 10
