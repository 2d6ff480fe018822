"""`runner lsp` without what it needs."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from runner.cli import lsp
from runner.cli.main import app
from runner.errors import UsageError


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lsp, "find_spec", lambda _name: None)
    result = CliRunner().invoke(app, ["lsp"])
    assert isinstance(result.exception, UsageError)
    assert result.exception.exit_code == 2
    assert result.exception.hint == "pip install 'runner[lsp]'"
