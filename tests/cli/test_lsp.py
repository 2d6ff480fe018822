"""`runner lsp` on the command line: what it takes, and what it says without what it needs."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from runner.cli import lsp
from runner.cli.main import app
from runner.errors import ServiceError


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lsp, "find_spec", lambda _name: None)
    result = CliRunner().invoke(app, ["lsp"])
    assert isinstance(result.exception, ServiceError)
    assert result.exception.exit_code == 4
    assert result.exception.hint == "pip install 'runner[lsp]'"


@pytest.mark.parametrize("options", [[], ["--stdio"]])
def test_it_ends_with_its_input_and_says_nothing_of_its_own(options: list[str]) -> None:
    command = [sys.executable, "-m", "runner", "lsp", *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
