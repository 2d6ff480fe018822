"""`runner doctor`: what is there is tried, what does not work is told with its remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from runner.cli.main import app
from runner.flow.address import ServerRecord, write_record

#: A port on which nothing listens: that of tcpmux, which nobody has had for decades.
NOWHERE = "http://127.0.0.1:1"


def looked(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["doctor", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done.exit_code, done.stdout


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("PREFECT_API_URL", "RUNNER_AUDIT_URL", "E2B_API_KEY", "E2B_API_URL", "RUNNER_STATE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.integration
def test_what_is_there_is_really_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNER_CHROMIUM", "no-such-browser")
    code, text = looked("--json")

    body = json.loads(text)
    assert (code, body["ok"]) == (0, True), text
    boxes = {each["name"]: each for each in body["findings"] if each["area"] == "boxes"}
    assert boxes["e2b"]["verdict"] == "ok"
    assert "made a box and ran a command in it" in boxes["e2b"]["says"]
    assert boxes["webcontainer"]["verdict"] == "missing"
    assert "no-such-browser" in boxes["webcontainer"]["says"]
    choices = {each["needs"]: each for each in body["choices"]}
    assert choices["shell"]["provider"] == "e2b"
    assert choices["a desktop"]["reasons"]["webcontainer"]


def test_what_is_asked_for_and_does_not_work_is_a_problem_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", f"{NOWHERE}/api")
    monkeypatch.setenv("RUNNER_AUDIT_URL", NOWHERE)
    monkeypatch.setenv("E2B_API_URL", NOWHERE)
    monkeypatch.setenv("E2B_API_KEY", "e2b_" + "0" * 40)
    monkeypatch.setenv("RUNNER_CHROMIUM", "no-such-browser")

    code, text = looked()

    assert code == 1
    lines = {line.split()[1]: line for line in text.splitlines() if line.startswith("  ✗")}
    assert set(lines) == {"e2b", "prefect", "audit"}
    assert "unset PREFECT_API_URL" in lines["prefect"]
    assert "0000" not in text, "a key is told to nobody"
    assert text.splitlines()[-1] == "3 of it must be mended: see ✗"


def test_a_state_that_cannot_be_read_is_told_and_the_rest_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RUNNER_STATE_URL", "http://wrong")
    monkeypatch.setenv("E2B_API_URL", NOWHERE)
    monkeypatch.setenv("RUNNER_CHROMIUM", "no-such-browser")

    found: list[dict[str, Any]] = json.loads(looked("--json", "--state", str(tmp_path / "none"))[1])["findings"]

    store = next(each for each in found if each["area"] == "state")
    assert store["verdict"] == "problem"
    assert "RUNNER_STATE_URL" in store["says"]
    assert any(each["area"] == "programs" for each in found)
    assert not (tmp_path / "none").exists(), "looking changes nothing"


def test_the_file_of_a_server_that_was_killed_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("E2B_API_URL", NOWHERE)
    monkeypatch.setenv("RUNNER_CHROMIUM", "no-such-browser")
    write_record(tmp_path, ServerRecord(2**22 + 1, 1, f"{NOWHERE}/api", "2026-01-01T00:00:00Z", 1))

    code, text = looked("--json", "--state", str(tmp_path))

    found = next(
        each for each in json.loads(text)["findings"] if each["name"] == "prefect" and each["area"] != "package"
    )
    assert (code, found["verdict"]) == (1, "problem")
    assert found["says"] == f"its process {2**22 + 1}, which served {NOWHERE}/api, is gone"
    assert found["remedy"] == "runner up, or runner down to forget it"
    assert json.loads(text)["stack"] is None
