"""The bounded part of the chaos suite: `python -m tests.chaos` itself, for few kills with a known schedule."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.acceptance


def chaos(root: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A campaign in a process of its own, which adopts what its runs leave behind."""
    command = [sys.executable, "-m", "tests.chaos", "--folder", str(folder), *words]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=55, check=False)


@pytest.mark.parametrize(("victim", "kills"), [("runner", 3), ("gateway", 2), ("edge", 2)])
def test_nothing_is_lost_repeated_or_left(victim: str, kills: int, root: Path, tmp_path: Path) -> None:
    done = chaos(root, tmp_path, "--only", victim, "--kills", str(kills), "--seed", "3")

    assert done.returncode == 0, done.stdout + done.stderr
    told = re.search(r"^kills +(\d+) ", done.stdout, re.MULTILINE)
    assert told is not None
    assert int(told[1]) >= kills
    assert list(tmp_path.iterdir()) == []
