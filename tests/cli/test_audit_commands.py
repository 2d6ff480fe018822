"""`runner audit search|status|ship|export|key|prune` on runs in memory; tests/integration/audit has a real Weaviate."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from runner.cli.audit_search import _moment
from runner.errors import UsageError
from runner.run.audit_port import Copy, Delivery
from runner.run.event import Event, EventDraft

RUN = "20260131-120000-aaaaaa"
OLD = "2026-01-31T12:00:09.500000Z"


@pytest.fixture
def failed(recorded: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The recorded runs, one of which has failed for a reason; the commands that write get the same store."""
    told = {"message": "npm ci: no space left on device", "class": "step"}
    asyncio.run(recorded.commit(RUN, [], [EventDraft("step.failed", OLD, "build[os=linux]", 1, told)]))
    recorded.state.mkdir()
    for module in ("audit_ship", "audit_keep"):
        monkeypatch.setattr(f"runner.cli.{module}.open_store", lambda state, read_only=False: recorded.store)
        monkeypatch.setattr(f"runner.cli.{module}.has_store", lambda state: True)
    return recorded


def test_a_search_prints_one_line_an_event_and_who_was_asked(failed: Any) -> None:
    result = failed.runner("audit", "search", "space", "device")
    assert result.exit_code == 0
    first, last = result.stdout.splitlines()
    assert first.endswith(f"  {RUN}  step.failed  build[os=linux]  npm ci: no space left on device")
    assert last == f"1 event (searched: the journal in {failed.state})"


def test_a_search_in_json_has_score_and_severity(failed: Any) -> None:
    found = json.loads(failed.runner("audit", "search", "space", "--json").stdout)
    (hit,) = found["hits"]
    assert (hit["severity"], hit["event"]["run"], hit["event"]["type"]) == ("error", RUN, "step.failed")
    assert hit["score"] > 0


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ((), 4),
        (("--limit", "2"), 2),
        (("--severity", "error"), 1),
        (("--severity", "warning"), 1),
        (("--type", "run.*"), 3),
        (("--type", "run.created", "--type", "step.failed"), 4),
        (("--step", "build"), 1),
        (("--step", "build[os=linux]"), 1),
        (("--run", "20260131-12"), 2),
        (("--since", "2026-01-31T12:00:09.400000Z"), 1),
        (("--until", "2026-01-31T12:00:09.400000Z"), 3),
        (("--since", "1h"), 0),
        (("--provider", "e2b"), 0),
    ],
)
def test_conditions(failed: Any, arguments: tuple[str, ...], count: int) -> None:
    result = failed.runner("audit", "search", *arguments)
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == count + 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--type", "step.fail"), "Did you mean step.failed?"),
        (("--type", "nothing.*"), "no event has the type"),
        (("--since", "soon"), "no moment"),
        (("--", "!!!"), "no letter and no digit"),
        (("--source", "weaviate"), "no audit log is known"),
        (("x", "--mode", "semantic"), "Fetch it once: runner audit setup-semantic"),
        (("--run", "nobody"), "no run 'nobody'"),
    ],
)
def test_questions_without_a_meaning(failed: Any, arguments: tuple[str, ...], said: str) -> None:
    # `--state` comes last in `failed.runner`, so the words after `--` stand in front of it.
    arguments = ("!!!",) if arguments[0] == "--" else arguments
    result = failed.runner("audit", "search", *arguments)
    assert result.exit_code != 0
    text = f"{result.exception} {getattr(result.exception, 'hint', '')}"
    assert said in text


def test_where_nobody_listens_the_sdk_is_not_even_loaded(tmp_path: Path) -> None:
    code = (
        "import sys; from runner.cli.main import app; app(['audit', 'status'], standalone_mode=False); "
        "print(sorted({'weaviate', 'grpc'} & set(sys.modules)))"
    )
    environ = {**os.environ, "RUNNER_AUDIT_URL": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.stdout.splitlines()[-2:] == ["  error: Weaviate at http://127.0.0.1:9 does not answer", "[]"], done


def test_moments() -> None:
    assert _moment("--since", None) is None
    assert _moment("--since", "2026-01-31T12:00:00Z") == "2026-01-31T12:00:00.000000Z"
    assert _moment("--since", "2026-01-31T12:00:00+02:00") == "2026-01-31T10:00:00.000000Z"
    assert str(_moment("--since", "1.5h")) < str(_moment("--since", "30m")) < str(_moment("--since", "10s"))
    with pytest.raises(UsageError):
        _moment("--until", "99999-01-01")


def test_status_without_an_audit_log(failed: Any) -> None:
    result = failed.runner("audit", "status")
    assert result.stdout.startswith("waiting: 4, the oldest of ")
    assert "refused: 0\naudit log: none (set RUNNER_AUDIT_URL)\n" in result.stdout


def test_an_audit_log_that_does_not_answer(failed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from runner.errors import AuditOffline

    class Down:
        name = "Weaviate at nowhere"

        async def open(self) -> None:
            raise AuditOffline("Weaviate at nowhere does not answer")

        async def close(self) -> None: ...

        async def search(self, query: object) -> None:
            await self.open()

        copies = search
        counts = open

    monkeypatch.setattr("runner.cli.state.open_audit", lambda environ: Down() if environ else None)
    assert "  error: Weaviate at nowhere does not answer\n" in failed.runner("audit", "status").stdout
    result = failed.runner("audit", "search", "space")
    assert "searched the journal instead" in result.stderr
    assert "1 event (searched: the journal in" in result.stdout
    for arguments in (("search", "space", "--source", "weaviate"), ("ship",), ("verify",)):
        result = failed.runner("audit", *arguments)
        assert isinstance(result.exception, AuditOffline)
    assert result.stdout.count("chain ok") == 3  # the journals were checked all the same
    assert failed.runner("audit", "verify", "--journal-only").exit_code == 0


class Taking:
    """An audit log that takes everything but what it is told to refuse."""

    name = "Weaviate at hand"

    def __init__(self) -> None:
        self.taken: list[tuple[str, int]] = []
        self.refuses = "step.failed"

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def deliver(self, events: Sequence[Event], anew: bool = False) -> Delivery:
        accepted = [event for event in events if event.type != self.refuses]
        self.taken += [(event.run, event.seq) for event in accepted]
        refused = [(event, "too odd") for event in events if event.type == self.refuses]
        return Delivery(tuple(accepted), tuple(refused))

    async def copies(self, run: str) -> list[Copy]:
        return [Copy(seq, "") for each, seq in sorted(set(self.taken)) if each == run]

    async def counts(self) -> dict[str, int]:
        return dict(Counter(run for run, _ in set(self.taken)))


@pytest.fixture
def taking(failed: Any, monkeypatch: pytest.MonkeyPatch) -> Taking:
    log = Taking()
    monkeypatch.setattr("runner.cli.state.open_audit", lambda environ: log)
    return log


def test_ship_delivers_what_waits_and_tries_refused_ones_again(failed: Any, taking: Taking) -> None:
    assert failed.runner("audit", "ship").stdout == "audit: 3 delivered, 1 refused, 0 waiting\n"
    assert failed.runner("audit", "ship").stdout == "audit: 0 delivered, 0 refused, 0 waiting\n"
    told = failed.runner("audit", "status").stdout
    assert told == (
        f"waiting: 0\nrefused: 1\n  run {RUN}, event 2 (step.failed): too odd\naudit log: Weaviate at hand\n"
    )
    assert json.loads(failed.runner("audit", "ship", "--dead", "--json").stdout)["dead"] == 1
    taking.refuses = ""
    assert failed.runner("audit", "ship", "--dead").stdout == "audit: 1 delivered, 0 refused, 0 waiting\n"
    assert (RUN, 2) in taking.taken
    assert json.loads(failed.runner("audit", "status", "--json").stdout)["copies"] == 4


def test_ship_again_writes_whole_journals_once_more(failed: Any, taking: Taking) -> None:
    taking.refuses = ""
    failed.runner("audit", "ship", "--once")
    assert failed.runner("audit", "ship", "--again", RUN).stdout.startswith("audit: 2 written again, 0 delivered")
    assert taking.taken.count((RUN, 1)) == 2
    assert failed.runner("audit", "ship", "--again").stdout.startswith("audit: 4 written again, 0 delivered")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ship",), "no audit log is known"),
        (("ship", RUN), "for --again only"),
        (("ship", "--once", "--follow"), "exclude each other"),
        (("export", "--signed"), "needs a key"),
        (("export", "--json"), "needs --output"),
        (("prune", "--older-than", "soon", "--journal"), "no age"),
        (("prune", "--older-than", "1d"), "no audit log is known"),
        (("verify", "--key", "x"), "is for --file"),
    ],
)
def test_commands_without_a_meaning(failed: Any, arguments: tuple[str, ...], said: str) -> None:
    result = failed.runner("audit", *arguments)
    assert result.exit_code != 0
    assert said in str(result.exception)


def test_a_signed_export_is_checked_without_the_state(failed: Any, tmp_path: Path) -> None:
    key, file = tmp_path / "key.pem", tmp_path / "out.jsonl"
    from typer.testing import CliRunner

    from runner.cli.main import app

    def runner(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["audit", *arguments])

    assert "keep it to yourself" in runner("key", str(key)).stdout
    exported = failed.runner("audit", "export", RUN, "--signed", "--key", str(key), "-o", str(file))
    assert exported.stdout == f"2 events in {file}, signed\n"
    checked = runner("verify", "--file", str(file), "--key", f"{key}.pub")
    assert checked.stdout.startswith(f"run {RUN}: 2 events, chain ok\nseal ok, signed by ed25519:")
    file.write_text(file.read_text().replace("no space", "no spade"))
    assert "not those that were sealed" in str(runner("verify", "--file", str(file)).exception)
    assert "PRIVATE" not in file.read_text()
    bare = failed.runner("audit", "export")
    assert len(bare.stdout.splitlines()) == 5
    assert json.loads(bare.stdout.splitlines()[-1])["seal"] == 1
    assert failed.runner("audit", "export", "-o", str(file), "--json").exit_code == 0
    assert json.loads(runner("verify", "--file", str(file), "--json").stdout)["signer"] == ""


def test_retention_of_the_journal_says_so_and_verify_knows(failed: Any) -> None:
    dry = failed.runner("audit", "prune", "--older-than", "1d", "--journal", "--dry-run")
    assert dry.stdout.splitlines()[-1] == "2 runs would be removed"
    assert RUN in dry.stdout
    assert failed.runner("audit", "verify", RUN).stdout.count("removed by retention") == 0
    pruned = json.loads(failed.runner("audit", "prune", "--older-than", "1d", "--journal", "--json").stdout)
    assert {"run": RUN, "events": 2} in pruned
    verified = failed.runner("audit", "verify")
    assert verified.exit_code == 0
    assert "the first 2 removed by retention" in verified.stdout
    assert failed.runner("audit", "search", "space").stdout.startswith("0 events")
