"""`runner endpoint e2b` says where it serves, and what its boxes lack."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from runner.cli.main import app
from runner.embedded.e2b import server
from runner.embedded.e2b.launch import Endpoint
from runner.embedded.e2b.settings import Settings


@pytest.mark.parametrize("why", ["", "the file system of /usr cannot translate users"])
def test_why_boxes_do_not_have_the_best_walls_is_said(monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    async def run(_settings: Settings, tell: Callable[[Endpoint], None]) -> None:
        tell(Endpoint("http://127.0.0.1:1", "http://127.0.0.1:1", "e2b_key", why=why))

    monkeypatch.setattr(server, "run", run)
    done = CliRunner().invoke(app, ["endpoint", "e2b"])
    assert done.exit_code == 0
    assert "export E2B_API_KEY=e2b_key\n" in done.stdout
    assert ("best walls" in done.stderr) is bool(why)
    assert why in done.stderr


def test_what_is_printed_can_be_given_to_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(_settings: Settings, tell: Callable[[Endpoint], None]) -> None:
        tell(Endpoint("", "", "e2b_key", domain="e2b.localhost:1", bundle="/tmp/ann's files/$HOME/bundle.pem"))

    monkeypatch.setattr(server, "run", run)
    done = CliRunner().invoke(app, ["endpoint", "e2b", "--tls"])
    shell = subprocess.run(["sh", "-c", f'{done.stdout}printf %s "$SSL_CERT_FILE"'], capture_output=True, check=True)
    assert shell.stdout == b"/tmp/ann's files/$HOME/bundle.pem"
