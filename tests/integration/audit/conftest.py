"""A real Weaviate for the tests of the audit log: one server a session, with keys and roles."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

import pytest

from runner.store.audit_settings import model_folder
from runner.store.minilm_install import installed

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "weaviate.sh"
#: As the machine has it: a test's own home folder has no cache.
_KEPT = ("PATH", "HOME", "XDG_CACHE_HOME", "RUNNER_WEAVIATE_CACHE", "SSL_CERT_FILE", "SSL_CERT_DIR", "LANG", "CI")
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name in _KEPT or name.startswith(("GO", "PIP_")) or name.lower().endswith("_proxy")
}
_VERSION = next(line.split("=")[1] for line in SCRIPT.read_text().splitlines() if line.startswith("VERSION="))
_RUNNER = Path(ENVIRONMENT.get("XDG_CACHE_HOME") or Path(ENVIRONMENT["HOME"]) / ".cache") / "runner"
_CACHE = Path(ENVIRONMENT.get("RUNNER_WEAVIATE_CACHE") or _RUNNER / "weaviate")
PROGRAM = _CACHE / f"v{_VERSION}" / "weaviate-server"
MODEL = model_folder(ENVIRONMENT)
#: Seconds that CI waits for a server that is being built while other things were tested.
BUILDING = 2400
ADMIN, WRITER, READER = "admin", "writer", "reader"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and not (PROGRAM.is_file() and installed(MODEL)):
            item.add_marker(pytest.mark.timeout(BUILDING))


@dataclass
class Server:
    """A Weaviate that a test may kill and start again on the same folder."""

    folder: Path
    keys: dict[str, str] = field(
        default_factory=lambda: {name: f"{name}-{secrets.token_hex(12)}" for name in (ADMIN, WRITER, READER)}
    )
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.port = self.port or _free_ports(6)
        env = {
            **ENVIRONMENT,
            "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false",
            "AUTHENTICATION_APIKEY_ENABLED": "true",
            "AUTHENTICATION_APIKEY_ALLOWED_KEYS": ",".join(self.keys.values()),
            "AUTHENTICATION_APIKEY_USERS": ",".join(self.keys),
            "AUTHORIZATION_RBAC_ENABLED": "true",
            "AUTHORIZATION_RBAC_ROOT_USERS": ADMIN,
        }
        command = ["sh", str(SCRIPT), "serve", str(self.folder / "data"), str(self.port), str(self.port + 5)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 50
        while not self._ready():
            told = (self.folder / "log").read_text(errors="replace")[-2000:]
            assert self.process.poll() is None, told
            assert time.monotonic() < deadline, told
            time.sleep(0.05)

    def kill(self) -> None:
        """As a power cut does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def environ(self, who: str = ADMIN, **more: str) -> dict[str, str]:
        """How `runner` is told about it, with a collection of the caller's own."""
        return {
            "RUNNER_AUDIT_URL": f"http://127.0.0.1:{self.port}",
            "RUNNER_AUDIT_GRPC": str(self.port + 5),
            "RUNNER_AUDIT_API_KEY": self.keys[who],
            "RUNNER_AUDIT_COLLECTION": f"T{uuid.uuid4().hex}",
            **more,
        }

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v1/.well-known/ready", timeout=1):
                return True
        except (OSError, HTTPException):  # a port that nobody has yet may lead a caller back to itself
            return False


def _free_ports(count: int) -> int:
    """The first of so many ports in a row that nobody has."""
    for _ in range(100):
        first = 20000 + secrets.randbelow(20000)
        held = []
        try:
            for port in range(first, first + count):
                held.append(socket.socket())
                held[-1].bind(("127.0.0.1", port))
        except OSError:
            continue
        finally:
            for each in held:
                each.close()
        return first
    raise AssertionError("no free ports")


@pytest.fixture(scope="session", autouse=True)
def _sdk() -> None:
    """The SDK sets variables of the environment when it is imported: before any test begins."""
    with warnings.catch_warnings(record=True):
        import weaviate  # noqa: F401


@pytest.fixture(scope="session")
def weaviate(missing: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the session; whoever kills it starts it again."""
    if not PROGRAM.is_file():
        if os.environ.get("CI") != "true":
            missing("no Weaviate on this machine: sh scripts/weaviate.sh path")
        done = subprocess.run(
            ["sh", str(SCRIPT), "path"], env=ENVIRONMENT, capture_output=True, text=True, timeout=BUILDING
        )
        if done.returncode != 0:
            missing(done.stderr)
    server = Server(tmp_path_factory.mktemp("weaviate"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def program(weaviate: Server) -> tuple[Path, dict[str, str], int]:
    """For a server of the test's own: the program, its environment, and the first of six free ports."""
    return PROGRAM, ENVIRONMENT, _free_ports(6)


@pytest.fixture
def running(weaviate: Server) -> Server:
    """The server, started again where a test before left it dead."""
    if weaviate.process is None:
        weaviate.start()
    return weaviate


@pytest.fixture(scope="session")
def model(missing: Callable[[str], None]) -> Path:
    """The folder of the model of meanings, in the cache of this machine; CI fetches it."""
    if not installed(MODEL):
        if os.environ.get("CI") != "true":
            missing("no model of meanings on this machine: runner audit setup-semantic")
        command = [sys.executable, "-m", "runner", "audit", "setup-semantic"]
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=BUILDING)
        if done.returncode != 0:
            missing(done.stderr)
    return MODEL
