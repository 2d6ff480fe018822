"""What boxes of the embedded endpoint may use: they are told what they are held to, and are held to it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest
from e2b import CommandExitException, Sandbox
from packaging.version import Version

from runner.embedded.e2b.launch import Endpoint
from runner.embedded.e2b.limits.limits import Limits

pytestmark = pytest.mark.integration
_RUNGS = re.compile(r"\+(cgroup2|cgroup1|rlimits)\.(image|folder)\.(range|one)$")


def _make(endpoint: Endpoint) -> Sandbox:
    return Sandbox.create(
        timeout=120, api_url=endpoint.api_url, sandbox_url=endpoint.sandbox_url, api_key=endpoint.api_key
    )


def test_a_box_is_told_what_it_is_held_to(embedded_e2b: Endpoint, tmp_path: Path) -> None:
    box = _make(embedded_e2b)
    machine = Limits(tmp_path).machine
    info = box.get_info()
    assert info.cpu_count <= machine.cpus
    assert info.memory_mb == min(2048, machine.memory_mb)
    found = _RUNGS.search(info.envd_version)
    assert found is not None, info.envd_version
    assert Version("0.6.0") < Version(info.envd_version) < Version("0.7.0")
    headers = {"X-API-KEY": embedded_e2b.api_key}
    held = httpx.get(f"{embedded_e2b.api_url}/sandboxes/{box.sandbox_id}", headers=headers).json()["limits"]
    assert held.keys() == {"memory", "cpu", "processes", "pause", "disk", "users"}
    assert (held["disk"], held["users"]) == found.groups()[1:]
    assert (held["memory"] == "watched") == (found[1] == "rlimits")
    (sample,) = box.get_metrics()[-1:]
    assert (sample.cpu_count, sample.mem_total) == (info.cpu_count, info.memory_mb * 2**20)
    assert 0 < sample.mem_used < 512 * 2**20
    box.kill()


def test_used_processor_time_is_counted(embedded_e2b: Endpoint) -> None:
    box = _make(embedded_e2b)
    box.get_metrics()
    box.commands.run("timeout 1 sh -c 'while :; do :; done' || true")
    assert box.get_metrics()[-1].cpu_used_pct > 5
    box.kill()


def test_what_is_too_much_ends_alone(embedded_e2b: Endpoint) -> None:
    """One process that wants more memory than there is ends; what runs beside it goes on."""
    box = _make(embedded_e2b)
    beside = box.commands.run("sleep 60", background=True, timeout=0)
    with pytest.raises(CommandExitException):
        box.commands.run("python3 -c \"held = [b'x' * (64 << 20) for _ in range(64)]\"", timeout=50)
    assert beside.pid in [each.pid for each in box.commands.list()]
    box.kill()


def test_a_paused_box_does_not_outlive_its_edge(tmp_path: Path) -> None:
    """Nothing that the freezer of version 1 holds can die: somebody must let it go on when the edge is killed."""
    words = [sys.executable, "-m", "runner", "endpoint", "e2b", "--folder", str(tmp_path)]
    edge = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert edge.stdout is not None
    told: dict[str, str] = {}
    while "E2B_API_KEY" not in told:
        name, _, value = edge.stdout.readline().strip().removeprefix("export ").partition("=")
        told[name] = value
    try:
        where = {"api_url": told["E2B_API_URL"], "sandbox_url": told["E2B_SANDBOX_URL"], "api_key": told["E2B_API_KEY"]}
        box = Sandbox.create(timeout=60, **where)
        box.commands.run("sleep 600", background=True, timeout=0)
        inside = [each for each in psutil.Process(edge.pid).children(recursive=True) if each.name() != "sh"]
        assert len(inside) >= 3
        box.pause()
    finally:
        edge.kill()
        edge.wait()
        edge.stdout.close()
    psutil.wait_procs(inside, timeout=10)
    assert not [each for each in inside if each.is_running()]
