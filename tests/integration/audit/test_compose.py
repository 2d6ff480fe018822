"""Weaviate as docker-compose.yml starts it: by its command line and environment, it serves its key's owner alone."""

from __future__ import annotations

import re
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]
SERVICE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["weaviate"]


def test_weaviate_serves_whoever_has_the_key_and_nobody_else(
    program: tuple[Path, dict[str, str], int], tmp_path: Path
) -> None:
    (command, environment, first), key = program, "of-this-test"
    said = {
        name: re.sub(r"^\$\{RUNNER_AUDIT_API_KEY\b.*\}$", key, text) for name, text in SERVICE["environment"].items()
    }
    # What a container has to itself: its loopback, its ports, its folder.
    own = dict(zip(PORTS, map(str, range(first + 1, first + 6)), strict=True)) | {
        "PERSISTENCE_DATA_PATH": str(tmp_path),
        "CLUSTER_IN_LOCALHOST": "true",
        "CLUSTER_BIND_ADDR": "127.0.0.1",
        "CLUSTER_ADVERTISE_ADDR": "127.0.0.1",
    }
    words = [{"0.0.0.0": "127.0.0.1", "8080": str(first)}.get(word, word) for word in SERVICE["command"]]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(command), *words], env={**environment, **said, **own}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            ready = SERVICE["healthcheck"]["test"][-1].replace("8080", str(first))
            deadline = time.monotonic() + 50
            while asked(ready) != 200:
                assert process.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.1)
            schema = f"http://127.0.0.1:{first}/v1/schema"
            assert [asked(schema), asked(schema, "guessed"), asked(schema, key)] == [401, 401, 200]
        finally:
            process.kill()  # to end in order takes it seconds
            process.wait()


PORTS = ("CLUSTER_GOSSIP_BIND_PORT", "CLUSTER_DATA_BIND_PORT", "RAFT_PORT", "RAFT_INTERNAL_RPC_PORT", "GRPC_PORT")


def asked(url: str, key: str | None = None) -> int:
    """The status of an answer, 0 without one."""
    request = urllib.request.Request(url, headers={} if key is None else {"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0
