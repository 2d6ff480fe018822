"""Prefect's settings are there while they are needed, and leave nothing behind."""

from __future__ import annotations

import os

import pytest

from runner.flow.settings import environment, held, prefect_settings


def test_variables_are_held_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "mine")
    with held({"OURS": "other", "NEW_ONE": "x"}):
        assert (os.environ["OURS"], os.environ["NEW_ONE"]) == ("mine", "x")
    assert os.environ["OURS"] == "mine"
    assert "NEW_ONE" not in os.environ


def test_a_variable_stays_until_the_last_holder_leaves() -> None:
    first, second = held({"NEW_ONE": "x"}), held({"NEW_ONE": "x"})
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert os.environ["NEW_ONE"] == "x"
    second.__exit__(None, None, None)
    assert "NEW_ONE" not in os.environ


def test_prefect_is_pointed_at_the_api_and_makes_no_server_of_its_own() -> None:
    before = dict(os.environ)
    with prefect_settings("http://127.0.0.1:4999/api"):
        from prefect.settings import get_current_settings

        settings = get_current_settings()
        assert settings.api.url == "http://127.0.0.1:4999/api"
        assert settings.server.ephemeral.enabled is False
        assert os.environ["DO_NOT_TRACK"] == "1"
    assert dict(os.environ) == before


def test_a_child_process_gets_the_same_by_its_environment() -> None:
    from pathlib import Path

    variables = environment("http://127.0.0.1:4999/api")
    assert variables["PREFECT_API_URL"] == "http://127.0.0.1:4999/api"
    assert variables["PREFECT_SERVER_EPHEMERAL_ENABLED"] == "false"
    assert Path(variables["PREFECT_LOGGING_SETTINGS_PATH"]).is_file()
