"""Real `runner` processes and a real Weaviate: it is down, killed, up again; nothing is lost and no secret is in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.canary import CANARY, files_with

pytestmark = [pytest.mark.integration, pytest.mark.acceptance, pytest.mark.timeout(240)]

SPEC = """\
spec: 1
name: shipped
secrets: {token: {env: CANARY}}
steps:
  say:
    env: {TOKEN: "${{ secrets.token }}"}
    run: |
      echo "the token is $TOKEN"
      python3 -c 'import json, os; print("word=" + json.dumps(os.environ["TOKEN"] + "x"))' >> "$RUNNER_OUTPUT"
    outputs: {word: {type: string}}
  wrong: {allow_failure: true, run: 'echo "no $TOKEN" >&2; exit 4', env: {TOKEN: "${{ secrets.token }}"}}
  fail: {after: [say], allow_failure: true, run: 'echo "zebra: no space" >&2; exit 3'}
  last: {after: [fail], run: "true"}
"""


class Folder:
    def __init__(self, path: Path, environ: dict[str, str]) -> None:
        self.path = path
        (path / "spec.yaml").write_text(SPEC)
        home = path / "home"
        home.mkdir()
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(home), "CANARY": CANARY, "LANG": "C.UTF-8", **environ}

    def runner(self, *arguments: str, code: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "runner", *arguments],
            cwd=self.path,
            env={**self.environ, **more},
            capture_output=True,
            text=True,
            timeout=50,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.runner(*arguments, "--json", code=code).stdout)


def test_weaviate_is_down_during_a_run_and_up_again(running: Any, tmp_path: Path) -> None:
    folder = Folder(tmp_path, running.environ())
    folder.runner("run", "spec.yaml")
    running.kill()
    told = folder.runner("run", "spec.yaml").stderr
    assert "does not answer" in told
    assert "deliver with `runner audit ship`" in told
    status = folder.json("audit", "status")
    assert status["waiting"] > 8
    assert status["error"]
    assert [each["ok"] for each in folder.json("audit", "verify", "--journal-only")] == [True, True]
    assert "does not answer" in folder.runner("audit", "verify", code=4).stderr
    assert "does not answer" in folder.runner("audit", "ship", code=4).stderr
    # The journal answers meanwhile, and says that it was the journal.
    found = folder.runner("audit", "search", "zebra", "space")
    assert "searched: the journal" in found.stdout
    assert "searched the journal instead" in found.stderr

    running.start()
    shipped = folder.json("audit", "ship")
    assert (shipped["waiting"], shipped["refused"]) == (0, 0)
    verdicts = folder.json("audit", "verify")
    assert [each["ok"] for each in verdicts] == [True, True]
    assert [each["audit"]["copies"] for each in verdicts] == [each["events"] for each in verdicts]
    there = folder.json("audit", "search", "exited", "with", "3", "--run", "last")
    here = folder.json("audit", "search", "exited", "with", "3", "--run", "last", "--source", "journal")
    assert there["source"].startswith("Weaviate at ")
    assert {hit["event"]["hash"] for hit in there["hits"]} == {hit["event"]["hash"] for hit in here["hits"]}
    assert there["hits"]
    assert folder.json("audit", "status")["copies"] == sum(each["events"] for each in verdicts)
    # Lost in Weaviate, put back from the journal.
    again = folder.json("audit", "ship", "--again", "last")
    assert again["again"] == verdicts[0]["events"]

    running.kill()
    kept = [file.read_bytes() for file in running.folder.rglob("*") if file.is_file()]
    assert any(b"zebra" in content for content in kept), "what was said is to be seen there as it was said"
    for root in (running.folder, tmp_path / ".runner"):
        assert files_with(root) == []
        for file in root.rglob("*"):
            assert not file.is_file() or running.keys["admin"].encode() not in file.read_bytes(), file


def test_follow_delivers_until_it_is_stopped(running: Any, tmp_path: Path) -> None:
    folder = Folder(tmp_path, running.environ())
    folder.runner("run", "spec.yaml", RUNNER_AUDIT_URL="")
    assert folder.json("audit", "status")["waiting"] > 8
    follower = subprocess.Popen(
        [sys.executable, "-m", "runner", "audit", "ship", "--follow", "--json"],
        cwd=tmp_path,
        env=folder.environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 40
    while folder.json("audit", "status")["waiting"]:
        assert time.monotonic() < deadline
    follower.send_signal(signal.SIGTERM)
    told = json.loads(follower.communicate(timeout=20)[0])
    assert follower.returncode == 0
    assert (told["waiting"], told["refused"]) == (0, 0)
    assert [each["ok"] for each in folder.json("audit", "verify")] == [True]
    assert folder.json("audit", "prune", "--older-than", "0d") != []
    (verdict,) = folder.json("audit", "verify")
    assert (verdict["ok"], verdict["audit"]["copies"], verdict["removed"]) == (True, 0, 0)
