"""What servers in the background are told of the environment."""

from __future__ import annotations

from pathlib import Path

from runner.embedded.surreal.launch import called
from runner.embedded.surreal.settings import Settings
from runner.environ import needed


def test_what_a_program_needs_and_no_secret() -> None:
    outer = {"PATH": "/bin", "LC_ALL": "C.UTF-8", "DEPLOY_TOKEN": "hidden", "E2B_API_KEY": "e2b_hidden", "OURS": "x"}
    assert needed(outer) == {"PATH": "/bin", "LC_ALL": "C.UTF-8"}
    assert needed(outer, ["OURS", "UNSET"]) == {"PATH": "/bin", "LC_ALL": "C.UTF-8", "OURS": "x"}


def test_a_gateway_gets_the_credentials_of_its_clients_and_no_other(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "hidden")
    monkeypatch.setenv("RUNNER_STATE_USER", "somebody")
    monkeypatch.setenv("RUNNER_STATE_PASSWORD", "theirs")
    _, env = called(Settings(str(tmp_path)))
    assert (env["RUNNER_STATE_USER"], env["RUNNER_STATE_PASSWORD"]) == ("somebody", "theirs")
    assert "DEPLOY_TOKEN" not in env
