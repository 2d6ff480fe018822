"""The house rules of every test: nothing beyond loopback, no home folder, the environment as it was."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# No test is timed: a machine may be busy.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

ROOT = Path(__file__).resolve().parent.parent
_LOOPBACK = ("127.", "::1", "localhost")


class OutsideWorldRefused(AssertionError):
    """A test tried to reach a host that is not this machine."""


@pytest.fixture(autouse=True)
def _no_outside_world(_environment_unchanged: None, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect
    connect_ex = socket.socket.connect_ex

    def check(address: object) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(_LOOPBACK):
            raise OutsideWorldRefused(f"a test tried to reach {address[0]}:{address[1]}")

    def guarded(self: socket.socket, address: object) -> None:
        check(address)
        connect(self, address)  # type: ignore[arg-type]

    def guarded_ex(self: socket.socket, address: object) -> int:
        check(address)
        return connect_ex(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_ex)


@pytest.fixture(autouse=True)
def _no_home(
    _environment_unchanged: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    for name in (
        "E2B_API_KEY",
        "E2B_API_URL",
        "E2B_SANDBOX_URL",
        "E2B_VOLUME_API_URL",
        "E2B_DOMAIN",
        "PREFECT_API_URL",
        "RUNNER_STATE",
        "RUNNER_AUDIT_URL",
        "RUNNER_AUDIT_GRPC",
        "RUNNER_AUDIT_API_KEY",
        "RUNNER_AUDIT_TENANT",
        "RUNNER_AUDIT_COLLECTION",
        "RUNNER_AUDIT_EMBEDDER",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _environment_unchanged() -> Iterator[None]:
    # The first fixture to begin is the last to end: what monkeypatch changed is back by then.
    before = dict(os.environ)
    folder = Path.cwd()
    yield
    ignored = {"PYTEST_CURRENT_TEST", "HOME"}
    changed = {
        name
        for name in before.keys() | os.environ.keys()
        if name not in ignored and before.get(name) != os.environ.get(name)
    }
    assert not changed, f"the test left the environment changed: {sorted(changed)}"
    assert Path.cwd() == folder, "the test left another current folder"


@pytest.fixture(scope="session")
def missing() -> Callable[[str], None]:
    """Skip for want of something, with its reason; a failure where CI=true."""

    def stop(reason: str) -> None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"needed in CI: {reason}")
        pytest.skip(reason)

    return stop


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the repository."""
    return ROOT
