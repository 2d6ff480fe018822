"""`runner up` and `runner down` with a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from runner.flow import server
from runner.flow.address import answers, read_record, record_path

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]


def runner(*words: str, state: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runner", *words]
    environ = {**os.environ, "RUNNER_STATE": str(state)}
    return subprocess.run(command, capture_output=True, text=True, timeout=100, env=environ, stdin=subprocess.DEVNULL)


def told(*words: str, state: Path) -> dict[str, Any]:
    done = runner(*words, "--json", state=state)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_up_is_up_once_and_down_stops_exactly_it(other_prefect_state: Path, free_port: int) -> None:
    state, port = other_prefect_state, free_port

    first = told("up", "--port", str(port), state=state)
    again = told("up", state=state)
    text = runner("up", state=state)

    assert first == {**again, "already_up": False}
    assert again["already_up"] is True
    assert (first["port"], first["api_url"]) == (port, f"http://127.0.0.1:{port}/api")
    assert f"export PREFECT_API_URL={first['api_url']}\n" in text.stdout
    assert f"already up (pid {first['pid']}), pages on http://127.0.0.1:{port}" in text.stdout
    assert answers(first["api_url"])
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/ui-settings", timeout=20) as page:
        assert json.load(page)["api_url"] == first["api_url"], "the pages would call another server"
    with urllib.request.urlopen(f"{first['api_url']}/admin/settings", timeout=20) as page:
        settings = json.load(page)["server"]
    assert settings["services"]["task_run_recorder"]["batch_size"] == 100
    assert settings["analytics_enabled"] is False
    assert Path(first["log"]).is_file()

    assert told("down", state=state) == {"stopped": True, "pid": first["pid"]}
    assert not answers(first["api_url"])
    assert not record_path(state).exists()
    assert told("down", state=state) == {"stopped": False, "pid": None}
    assert "is up" in runner("down", state=state).stdout


def test_a_killed_server_is_replaced_and_a_taken_port_is_told(other_prefect_state: Path, free_port: int) -> None:
    state = other_prefect_state
    first = told("up", "--port", str(free_port), state=state)
    os.kill(first["pid"], 9)

    second = told("up", "--port", str(server.free_port(free_port + 1)), state=state)

    assert second["already_up"] is False
    assert second["pid"] != first["pid"]
    assert read_record(state) is not None
    elsewhere = runner("up", "--port", str(second["port"]), state=state.parent / "elsewhere")
    assert elsewhere.returncode == 2
    assert f"port {second['port']} is taken" in elsewhere.stderr
    assert "Traceback" not in elsewhere.stderr
