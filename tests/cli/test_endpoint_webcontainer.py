"""`runner endpoint webcontainer` says where its engine is, and for whose pages."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from typer.testing import CliRunner

from runner.cli.main import app
from runner.embedded.webcontainer import pages, standing
from runner.embedded.webcontainer.settings import Policy, Settings
from runner.errors import UsageError


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Settings, Policy]]:
    """What would be served, without serving it."""
    asked: list[tuple[Settings, Policy]] = []

    async def run(settings: Settings, policy: Policy, tell) -> None:  # type: ignore[no-untyped-def]
        asked.append((settings, policy))
        tell({"WEBCONTAINER_API_IFRAME_URL": "http://abc.localhost:1/"})

    monkeypatch.setattr(standing, "run", run)
    return asked


def test_what_is_printed_is_for_a_shell_or_a_program(served: list[tuple[Settings, Policy]]) -> None:
    done = CliRunner().invoke(app, ["endpoint", "webcontainer"])
    assert done.stdout == "export WEBCONTAINER_API_IFRAME_URL=http://abc.localhost:1/\n"
    assert "Ctrl-C" in done.stderr
    done = CliRunner().invoke(app, ["endpoint", "webcontainer", "--json"])
    assert json.loads(done.stdout) == {"WEBCONTAINER_API_IFRAME_URL": "http://abc.localhost:1/"}
    assert served[0] == (Settings(embedders=standing.LOOPBACK), Policy())


def test_origins_and_networks_are_named(served: list[tuple[Settings, Policy]]) -> None:
    words = (
        "endpoint webcontainer --port 4321 --origin http://localhost:5173 --network example.com --network *.example.org"
    )
    assert CliRunner().invoke(app, words.split()).exit_code == 0
    assert served == [
        (
            Settings(engine_port=4321, embedders=("http://localhost:5173",)),
            Policy(network=("example.com", "*.example.org")),
        )
    ]
    assert standing.network_for(["example.com", "*"]) == "*"


@pytest.mark.parametrize("origin", ["localhost:5173", "http://a b", "http://a;script-src *", "http://a/path", "'self'"])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(UsageError, match="is no origin"):
        standing.settings_for(0, [origin])


@pytest.fixture
def site(tmp_path: Path) -> dict[str, str]:
    """An environment for processes whose `runner` has pages of this test's."""
    web = tmp_path / "web"
    for name in ("host/page.js", "engine/frame.js", "engine/process.js"):
        (web / name).parent.mkdir(parents=True, exist_ok=True)
        (web / name).write_text(f"// {name}\n")
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from runner.embedded.webcontainer import pages\n"
        f"pages.built = lambda: Path({str(web)!r})\n"
        "from runner.cli.main import main\n"
        "sys.exit(main())\n"
    )
    (tmp_path / "served.py").write_text(program)
    return {**os.environ, "PROGRAM": str(tmp_path / "served.py")}


def test_a_process_serves_until_it_is_told_to_end(site: dict[str, str], root: Path) -> None:
    words = [sys.executable, site["PROGRAM"], "endpoint", "webcontainer", "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, env=site, cwd=root, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["WEBCONTAINER_API_IFRAME_URL"]
        host, _, port = url.removeprefix("http://").rstrip("/").rpartition(":")
        asked = Request(f"http://127.0.0.1:{port}/headless", headers={"Host": f"{host}:{port}"})
        with build_opener(ProxyHandler({})).open(asked, timeout=10) as answer:
            assert "http://localhost:*" in answer.headers["Content-Security-Policy"]
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_a_command_finds_the_engine_and_gives_its_exit_code(site: dict[str, str], root: Path) -> None:
    words = [sys.executable, site["PROGRAM"], "endpoint", "webcontainer", "--", "sh", "-c"]
    command = 'case "$WEBCONTAINER_API_IFRAME_URL" in http://*.localhost:*/) exit 7;; esac'
    assert subprocess.run([*words, command], env=site, cwd=root, timeout=30).returncode == 7
    done = subprocess.run(
        [*words[:-2], "no-such-program"], env=site, cwd=root, timeout=30, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "no-such-program cannot be started" in done.stderr


def test_pages_that_are_not_built_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, root: Path) -> None:
    monkeypatch.setattr(pages, "_PACKAGE", tmp_path / "runner")
    done = CliRunner().invoke(app, ["endpoint", "webcontainer"])
    assert done.exit_code != 0
    assert "are not built" in str(done.exception)
