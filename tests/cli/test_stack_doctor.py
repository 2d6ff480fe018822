"""What `runner doctor` tells of a stack, of real processes that are remembered as one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runner.cli.finding import Finding
from runner.cli.stack import diagnosis, processes, record
from runner.cli.stack.record import Part, Private, Stack
from runner.embedded.surreal import notice
from runner.embedded.surreal.settings import Endpoint
from runner.run.owner import start_ticks

HOLDS = "b = bytearray(64 * 2**20); b[::4096] = b'x' * len(b[::4096]); print('held', flush=True); input()"


@pytest.fixture
def process() -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    made: list[subprocess.Popen[str]] = []

    def start(text: str = "print('held', flush=True); input()") -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        made.append(subprocess.Popen([sys.executable, "-c", text], stdin=pipe, stdout=pipe, text=True))
        assert made[-1].stdout is not None
        made[-1].stdout.readline()
        return made[-1]

    yield start
    for each in made:
        each.kill()
        each.communicate()


def looked(state: Path) -> dict[str, Finding]:
    return {each.name: each for each in diagnosis.findings(diagnosis.vitals(state))}


def part_of(process: subprocess.Popen[str], name: str = "e2b", **more: object) -> Part:
    began = (datetime.now(UTC) - timedelta(hours=2, minutes=5)).isoformat(timespec="seconds")
    part = Part(name, "healthy", "http://127.0.0.1:4201", process.pid, start_ticks(process.pid), "/logs/e2b.log")
    return replace(part, since=began, version="0.1.0", **more)


def test_of_what_is_up_it_tells_address_version_memory_and_since_when(tmp_path: Path, process) -> None:
    child = process(HOLDS)
    out = Part("weaviate", "left out", why="its program is not on this machine")
    again = part_of(child, "prefect", restarts=2, last="did not answer for 60 s")
    record.folder(tmp_path).mkdir(parents=True)
    record.write(tmp_path, Stack(os.getpid(), start_ticks(os.getpid()), (part_of(child), again, out)))

    found = looked(tmp_path)

    assert {name: each.verdict for name, each in found.items()} == {
        "supervisor": "ok", "e2b": "ok", "prefect": "ok", "weaviate": "off",
    }  # fmt: skip
    assert found["supervisor"].says.startswith(f"process {os.getpid()}, up for ")
    assert "http://127.0.0.1:4201 (0.1.0), " in found["e2b"].says
    assert "up for 2 h 05 m" in found["e2b"].says
    assert "again" not in found["e2b"].says
    assert found["prefect"].says.endswith("started again 2 times, because it did not answer for 60 s")
    assert "not on this machine" in found["weaviate"].says
    body = diagnosis.body(diagnosis.vitals(tmp_path))
    assert body is not None
    services = body["services"]
    assert isinstance(services, list)
    assert 64 * 2**20 <= services[0]["memory_bytes"] < 300 * 2**20
    assert body["memory_bytes"] >= services[0]["memory_bytes"], "all of them together"
    assert (body["up"], services[1]["restarts"], services[2]["memory_bytes"]) == (True, 2, None)


@pytest.mark.parametrize(
    ("state", "why"),
    [("restarting", "ended with SIGKILL"), ("failed", "ended with exit code 3"), ("healthy", "does not answer since")],
)
def test_what_does_not_work_is_a_problem_with_its_log(tmp_path: Path, process, state: record.State, why: str) -> None:
    part = replace(part_of(process()), state=state, why=why)
    record.folder(tmp_path).mkdir(parents=True)
    record.write(tmp_path, Stack(os.getpid(), start_ticks(os.getpid()), (part,)))
    found = looked(tmp_path)["e2b"]
    assert (found.verdict, found.remedy) == ("problem", "less /logs/e2b.log")
    assert found.says.startswith(f"{state}: it {why}")


def test_a_supervisor_that_is_stopped_is_a_problem(tmp_path: Path, process) -> None:
    supervisor = process()
    record.folder(tmp_path).mkdir(parents=True)
    record.write(tmp_path, Stack(supervisor.pid, start_ticks(supervisor.pid)))
    assert looked(tmp_path)["supervisor"].verdict == "ok"
    os.kill(supervisor.pid, signal.SIGSTOP)
    deadline = time.monotonic() + 20
    while not processes.is_stopped(supervisor.pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    found = looked(tmp_path)["supervisor"]
    assert (found.verdict, found.remedy) == ("problem", f"kill -CONT {supervisor.pid}")


def test_what_a_dead_supervisor_has_left_is_stale(tmp_path: Path, process) -> None:
    left, gone, supervisor = process(), process(), process()
    stack = Stack(supervisor.pid, start_ticks(supervisor.pid), (part_of(left), part_of(gone, "worker")))
    for each in (supervisor, gone):
        each.kill()
        each.wait()
    record.folder(tmp_path).mkdir(parents=True)
    record.write(tmp_path, stack)

    found = looked(tmp_path)

    assert set(found) == {"supervisor", "e2b"}
    assert found["supervisor"].verdict == found["e2b"].verdict == "problem"
    assert f"process {supervisor.pid} is gone" in found["supervisor"].says
    assert "runner down" in found["supervisor"].remedy
    assert found["e2b"].says == f"process {left.pid} is left, and nobody looks after it"
    body = diagnosis.body(diagnosis.vitals(tmp_path))
    assert body is not None
    assert (body["up"], [each["lives"] for each in body["services"]]) == (False, [True, False])


def test_a_port_that_another_has_taken_is_told_with_its_name(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        record.folder(tmp_path).mkdir(parents=True)
        record.write_private(tmp_path, Private({"e2b": port}))
        found = looked(tmp_path)
        assert found["supervisor"].verdict == "off"
        assert found["e2b's port"].verdict == "off", "the next start takes another one"
        assert f"port {port}, which e2b had, is taken by process {os.getpid()} (" in found["e2b's port"].says

        wanted = Part("e2b", "restarting", f"http://127.0.0.1:{port}", why="ended with exit code 4")
        record.write(tmp_path, Stack(os.getpid(), start_ticks(os.getpid()), (wanted,)))
        assert looked(tmp_path)["e2b's port"].verdict == "problem"
        assert "runner up --detach" in looked(tmp_path)["e2b's port"].remedy
    assert "e2b's port" not in looked(tmp_path)


def test_the_file_of_a_gateway_that_was_killed_is_told(tmp_path: Path) -> None:
    text = (
        "import sys; from pathlib import Path; from runner.embedded.surreal import notice;"
        "from runner.embedded.surreal.settings import Endpoint;"
        "notice.write(Path(sys.argv[1]), Endpoint('ws://127.0.0.1:1/rpc', 'u', 'hidden'))"
    )
    subprocess.run([sys.executable, "-c", text, str(tmp_path / "state")], check=True, timeout=60)
    found = looked(tmp_path)["gateway"]
    assert (found.verdict, "ws://127.0.0.1:1/rpc was killed" in found.says) == ("off", True)
    assert "hidden" not in found.says
    notice.write(tmp_path / "state", Endpoint("ws://127.0.0.1:1/rpc", "u", "hidden"))
    assert "gateway" not in looked(tmp_path)
