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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In CI, a test of real processes that fails is run once more: a machine of CI may stand still for seconds."""
    if os.environ.get("CI") == "true" and config.pluginmanager.hasplugin("rerunfailures"):
        for item in items:
            if item.get_closest_marker("integration") or item.get_closest_marker("acceptance"):
                item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=2))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell why each test failed that was run once more: one that needs it is a defect, of it or of what it tests."""
    for report in terminalreporter.stats.get("rerun", ()):
        terminalreporter.section(f"failed at first: {report.nodeid}", sep="_")
        terminalreporter.write_line(report.longreprtext)


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
