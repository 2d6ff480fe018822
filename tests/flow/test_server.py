"""The background server's life, as far as it goes without starting a real one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from runner.errors import EngineUnavailable, UsageError
from runner.flow import server
from runner.flow.address import ServerRecord, record_path, write_record
from runner.run.owner import start_ticks


def test_the_environment_is_tuned_on_loopback_and_without_the_callers_prefect(tmp_path: Path) -> None:
    outer = {"PATH": "/bin", "PREFECT_API_URL": "https://elsewhere/api", "PREFECT_API_KEY": "pnu_secret"}
    outer |= {"DEPLOY_TOKEN": "a run's secret", "LC_ALL": "C.UTF-8"}
    made = server.environment(tmp_path, 4711, outer)
    assert made["PATH"] == "/bin"
    assert made["LC_ALL"] == "C.UTF-8"
    assert not {"PREFECT_API_KEY", "DEPLOY_TOKEN"} & made.keys()
    assert made["PREFECT_API_URL"] == made["PREFECT_SERVER_UI_API_URL"] == "http://127.0.0.1:4711/api"
    assert made["PREFECT_SERVER_API_HOST"] == "127.0.0.1"
    assert made["PREFECT_SERVER_EPHEMERAL_ENABLED"] == made["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert made["PREFECT_SERVER_DATABASE_CONNECTION_URL"] == f"sqlite+aiosqlite:///{tmp_path}/prefect/prefect.db"
    assert int(made["PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE"]) > 1


def test_a_database_of_the_callers_own_is_heeded(tmp_path: Path) -> None:
    url = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://db/prefect"}
    assert server.environment(tmp_path, 1, url).items() >= url.items()


def test_a_server_that_dies_is_told_with_the_end_of_its_log(tmp_path: Path, monkeypatch) -> None:
    fake = tmp_path / "python"
    # What writes the server's log is a program of ours, and real.
    ours = f'case "$*" in *rotation.py*) exec {sys.executable} "$@";; esac\n'
    fake.write_text(f"#!/bin/sh\n{ours}echo first line; echo 'database is broken' >&2; exit 3\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    with pytest.raises(EngineUnavailable, match="ended with code 3") as error:
        server.start(tmp_path)
    assert "database is broken" in error.value.message
    assert str(server.log_path(tmp_path)) in error.value.hint
    assert not record_path(tmp_path).exists()


def test_a_server_that_never_answers_is_stopped(tmp_path: Path, monkeypatch) -> None:
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    with pytest.raises(EngineUnavailable, match="did not answer"):
        server.start(tmp_path, wait=0.3)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_port_that_is_taken_is_refused_or_replaced(tmp_path: Path, monkeypatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {taken} is taken"):
            server.start(tmp_path, taken)
        monkeypatch.setattr(server, "DEFAULT_PORT", taken)
        assert server.port_for(None) not in (taken, 0)


def test_without_prefect_the_remedy_is_to_install_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match="not installed") as error:
        server.start(tmp_path)
    assert "pip install" in error.value.hint


@pytest.fixture
def sleeper():
    """A process that could be taken for our server by its words: `prefect` and a port."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "prefect", "4299"]) as process:
        yield process
        process.kill()


def record_of(process: subprocess.Popen[bytes]) -> ServerRecord:
    ticks = start_ticks(process.pid)
    assert ticks is not None
    return ServerRecord(process.pid, 4299, "http://127.0.0.1:4299/api", "2026-01-01T00:00:00Z", ticks)


def test_down_stops_the_process_it_remembers(tmp_path: Path, sleeper) -> None:
    record = record_of(sleeper)
    write_record(tmp_path, record)
    assert server.stop(tmp_path) == record
    assert sleeper.wait(10) != 0
    assert not record_path(tmp_path).exists()
    assert server.stop(tmp_path) is None


@pytest.mark.parametrize("change", [{"ticks": 1}, {"port": 4300}], ids=["another start time", "another port"])
def test_down_leaves_a_process_alone_that_only_has_the_number(tmp_path: Path, sleeper, change) -> None:
    write_record(tmp_path, replace(record_of(sleeper), **change))
    assert server.stop(tmp_path) is None
    time.sleep(0.05)
    assert sleeper.poll() is None, "somebody else's process was killed"
    assert not record_path(tmp_path).exists(), "a stale record is taken away"


def test_a_zombie_is_not_a_server(tmp_path: Path) -> None:
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert start_ticks(process.pid) is None
    process.wait()
