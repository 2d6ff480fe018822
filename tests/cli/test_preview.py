"""`runner run --preview`: what cannot be is said before anything starts."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from typing import Any

import pytest
from typer.testing import CliRunner

from runner import wiring
from runner.cli.main import app
from runner.compiler.plan.choose import Fact
from runner.errors import ServiceError, UsageError
from runner.sandbox.fake import FakeCloud, FakeSandbox
from runner.store.memory import MemoryStore


@pytest.fixture
def preview(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call `runner run` with `--preview` and a spec whose step only says something."""
    (tmp_path / "spec.yaml").write_text("spec: 1\nname: hello\nsteps: {a: {run: echo hello}}\n")
    cloud = FakeCloud()

    @asynccontextmanager
    async def providers(environ: Any, **_: Any) -> Any:
        facts = {"e2b": Fact(available=True, reason="a fake")}
        yield wiring.Provision({"e2b": FakeSandbox(cloud, provider="e2b")}, facts, "boxes: fakes")

    store = MemoryStore()
    monkeypatch.setattr(wiring, "open_store", lambda state: store)
    monkeypatch.setattr(wiring, "open_providers", providers)

    def call(text: str, *more: str) -> Any:
        words = ["run", str(tmp_path / "spec.yaml"), "--state", str(tmp_path / "state"), "--engine", "local"]
        return CliRunner().invoke(app, [*words, "--preview", text, *more])

    yield call
    cloud.free_all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http", "'http' is no port"),
        ("box:80", "'box' is no address"),
        ("0.0.0.0:0", "RUNNER_PREVIEW_TOKEN is not set"),
    ],
)
def test_a_place_that_cannot_be_is_refused_before_anything_starts(preview, text, words):
    result = preview(text)
    assert isinstance(result.exception, UsageError)
    assert words in result.exception.message
    assert "engine:" not in result.output


def test_the_addresses_are_told_on_standard_output_or_beside_json(preview):
    told = preview("0")
    assert told.exit_code == 0
    assert "previews of this run's boxes: http://<port>--" in told.stdout
    quiet = preview("0", "--json")
    assert "previews" not in quiet.stdout
    assert "previews of this run's boxes: http://<port>--" in quiet.stderr


def test_a_port_that_is_taken_is_told(preview):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = preview(str(taken.getsockname()[1]))
    assert isinstance(result.exception, ServiceError)
    assert "previews cannot be served at 127.0.0.1:" in result.exception.message
    assert "--preview 0" in result.exception.hint
