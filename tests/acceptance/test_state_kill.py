"""kill -9 in the middle of a stream of commits: what was acknowledged is there, and the commands tell the truth."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runner.run.event import verify
from runner.store.surreal import SurrealStore

pytestmark = pytest.mark.acceptance

WRITER = """
import asyncio, sys
from pathlib import Path
from runner.run.event import EventDraft
from runner.run.owner import owner
from runner.run.ports import Change
from runner.store.surreal import SurrealStore

async def main(state, run):
    store = SurrealStore(state / "state")
    await store.open()
    now = "2026-01-31T12:00:00.000000Z"
    document = {"id": run, "spec": "endless", "state": "running", "engine": "local", "created_at": now,
                "started_at": now, "owner": owner(), "steps_total": 3}
    await store.commit(run, [Change("run", run, 0, document)], [EventDraft("run.created", now)])
    for n in range(100_000):
        leg = {"step": "a", "leg": "a", "state": "running", "n": n, "started_at": now}
        events = [EventDraft("step.ready", now, "a", 1, {"n": n}), EventDraft("step.started", now, "a", 1, {"n": n})]
        sealed = await store.commit(run, [Change("step", "a", n, leg)], events)
        print(sealed[-1].seq, flush=True)

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


@contextmanager
def writing(state: Path, run: str, root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that commits without end; killed and reaped afterwards."""
    command = [sys.executable, "-c", WRITER, str(state), run]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as process:
        try:
            yield process
        finally:
            process.kill()


def acknowledged(process: subprocess.Popen[bytes]) -> int:
    """The last number a dead writer printed."""
    assert process.stdout is not None
    lines = [line for line in process.stdout.read().splitlines(keepends=True) if line.endswith(b"\n")]
    return int(lines[-1]) if lines else 0


def runner(state: Path, *arguments: str, root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runner", *arguments, "--state", str(state)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd=root)


def test_every_acknowledged_commit_survives_kill_9(tmp_path: Path, root: Path) -> None:
    chance = random.Random(7)
    for number in range(6):
        run = f"run-{number}"
        with writing(tmp_path, run, root) as process:
            assert process.stdout is not None
            first = int(process.stdout.readline())
            time.sleep(chance.uniform(0.0, 0.15))
            process.send_signal(signal.SIGKILL)
            process.wait()
            said = max(first, acknowledged(process))

        async def look(run: str = run, said: int = said) -> None:
            store = SurrealStore(tmp_path / "state")
            await store.open()
            try:
                count = verify(await store.events(run), run, await store.head(run))
                step = await store.get(run, "step", "a")
                assert step is not None
                # Whole transactions only: two events and one revision each, after the run's first event.
                assert count >= said
                assert count == 1 + 2 * step.rev
                assert step.data["n"] == step.rev - 1
            finally:
                await store.close()

        asyncio.run(look())


def test_a_killed_run_is_shown_as_interrupted_at_once(tmp_path: Path, root: Path) -> None:
    with writing(tmp_path, "run-a", root) as process:
        assert process.stdout is not None
        process.stdout.readline()

        alive = runner(tmp_path, "status", "--json", root=root)
        assert (alive.returncode, alive.stderr) == (0, "")
        assert json.loads(alive.stdout)[0]["state"] == "running"
        assert runner(tmp_path, "audit", "verify", root=root).returncode == 0

        process.kill()
        process.wait()

    dead = runner(tmp_path, "status", "--json", root=root)
    assert (dead.returncode, dead.stderr) == (0, "")
    assert json.loads(dead.stdout)[0]["state"] == "interrupted"
    page = runner(tmp_path, "status", "last", root=root)
    assert "state interrupted" in page.stdout
    assert "its process is gone" in page.stdout
    verdict = runner(tmp_path, "audit", "verify", root=root)
    assert verdict.returncode == 0, verdict.stderr
    assert "chain ok" in verdict.stdout


def test_a_second_writer_is_told_who_holds_the_state(tmp_path: Path, root: Path) -> None:
    with writing(tmp_path, "run-a", root) as process:
        assert process.stdout is not None
        process.stdout.readline()
        command = [sys.executable, "-c", WRITER, str(tmp_path), "run-b"]
        second = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd=root)
        assert second.returncode != 0
        assert f"StoreLocked: the state in {tmp_path} is in use by process {process.pid}" in second.stderr


def test_a_changed_event_is_named_with_exit_code_1(tmp_path: Path, root: Path) -> None:
    with writing(tmp_path, "run-a", root) as process:
        assert process.stdout is not None
        for _ in range(5):
            process.stdout.readline()
        process.kill()
        process.wait()
    good = runner(tmp_path, "audit", "verify", "run-a", root=root)
    assert good.returncode == 0, good.stderr
    tamper = """
import sys
from surrealdb import BlockingEmbeddedSurrealConnection
db = BlockingEmbeddedSurrealConnection("surrealkv://" + sys.argv[1])
db.connect()
db.use("runner", "runner")
body = db.query_raw("SELECT VALUE body FROM event:['run-a', 4]", {})["result"][0]["result"][0]
changed = body.replace('"attempt":1', '"attempt":2')
assert changed != body
print(db.query_raw("UPDATE event:['run-a', 4] SET body = $body", {"body": changed})["result"][0]["status"])
"""
    done = subprocess.run(
        [sys.executable, "-c", tamper, str(tmp_path / "state")], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == "OK\n"
    bad = runner(tmp_path, "audit", "verify", "--all", root=root)
    assert bad.returncode == 1
    assert "run run-a: event 4 (step.ready) does not match its hash" in bad.stderr
    assert "chain ok" not in bad.stdout
    as_json = runner(tmp_path, "audit", "verify", "--json", root=root)
    assert as_json.returncode == 1
    assert json.loads(as_json.stdout)[0]["ok"] is False
