"""The command line in a process of its own, with streams that cannot take what is printed."""

from __future__ import annotations

import subprocess
import sys

import pytest

BROKEN = "spec: 1\nname: x\nsteps: {a: {run: 'echo ▸', tpyo: 1}}\n"
ENTRY = [sys.executable, "-c", "from runner.cli.main import main; main()"]


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(BROKEN, encoding="utf-8")
    return path


def test_an_encoding_without_our_characters_is_no_error(spec):
    done = subprocess.run([*ENTRY, "validate", spec], capture_output=True, env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 1
    assert b"tpyo" in done.stdout
    assert b"internal error" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_change_no_exit_code(spec, closed):
    command = f'"$@" {closed}'
    done = subprocess.run(["/bin/bash", "-c", command, "-", *ENTRY, "validate", spec], capture_output=True)
    assert done.returncode == 1
    assert b"internal error" not in done.stderr
