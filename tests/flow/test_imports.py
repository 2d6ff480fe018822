"""Prefect costs a second and 80 MB: nobody pays who does not use it."""

from __future__ import annotations

import subprocess
import sys


def test_neither_the_command_line_nor_the_engine_imports_prefect() -> None:
    code = (
        "import sys, runner.cli.main, runner.flow.engine, runner.flow.server, runner.flow.settings;"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('prefect', 'pydantic', 'fastapi')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
