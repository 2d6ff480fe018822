"""`runner state`: backups, compaction and the look-through, on real folders."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from runner.cli.main import app
from runner.embedded.surreal.launch import launch
from runner.embedded.surreal.settings import Settings
from runner.errors import JournalBroken, RunnerError, StoreError, StoreLocked, UsageError
from runner.run.event import EventDraft, verify
from runner.run.ports import Change
from runner.run.stored import Tombstone
from runner.store.surreal import SurrealStore
from runner.store.swap import finish
from runner.wiring import open_store


def draft(number: int) -> EventDraft:
    return EventDraft("step.ready", "2026-01-31T12:00:00.000000Z", "a", 1, {"n": number})


def fill(state: Path, commits: int = 20, run: str = "r") -> None:
    async def main() -> None:
        store = open_store(state)
        await store.open()
        for number in range(commits):
            change = Change("step", "a", number, {"n": number, "text": "x" * 200})
            await store.commit(run, [change], [draft(number)])
        await store.close()

    asyncio.run(main())
    (state / "runs" / run).mkdir(parents=True)
    (state / "runs" / run / "a.log").write_text("a line\n")


def count(state: Path, run: str = "r") -> int:
    async def main() -> int:
        store = open_store(state, read_only=True)
        await store.open()
        try:
            return verify(await store.events(run), run, await store.head(run))
        finally:
            await store.close()

    return asyncio.run(main())


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["state", *arguments], catch_exceptions=True)


def error(result: Result, kind: type[RunnerError]) -> str:
    assert isinstance(result.exception, kind), result.output
    return result.exception.message


def test_a_backup_comes_back_with_logs(tmp_path: Path) -> None:
    there, again, file = tmp_path / "there", tmp_path / "again", tmp_path / "b.tar.gz"
    fill(there)
    assert call("backup", str(file), "--state", str(there)).output == f"{file}: 1 run, 20 events\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert call("restore", str(file), "--state", str(again)).output == f"{again}: 1 run, 20 events\n"
    assert count(again) == 20
    assert (again / "runs" / "r" / "a.log").read_text() == "a line\n"
    assert sorted(path.name for path in again.iterdir()) == ["runs", "state", "state.lock", "state.mark"]


def test_a_backup_can_be_made_while_somebody_writes(tmp_path: Path) -> None:
    async def main() -> None:
        store = SurrealStore(tmp_path / "state")
        await store.open()
        await store.commit("r", [], [draft(0)])
        result = await asyncio.to_thread(call, "backup", str(tmp_path / "b"), "--state", str(tmp_path), "--json")
        assert json.loads(result.output)["events"] == 1
        await store.commit("r", [], [draft(1)])
        await store.close()

    asyncio.run(main())


def test_a_backup_overwrites_nothing(tmp_path: Path) -> None:
    fill(tmp_path)
    file = tmp_path / "b"
    file.write_text("mine")
    assert "exists already" in error(call("backup", str(file), "--state", str(tmp_path)), UsageError)
    assert file.read_text() == "mine"
    assert "nothing is stored" in error(call("backup", str(file), "--state", str(tmp_path / "no")), UsageError)


def test_a_state_is_replaced_only_when_asked_and_kept(tmp_path: Path) -> None:
    one, file = tmp_path / "one", tmp_path / "b"
    fill(one)
    call("backup", str(file), "--state", str(one))
    two = tmp_path / "two"
    fill(two, 5)
    assert "holds a state already" in error(call("restore", str(file), "--state", str(two)), UsageError)
    assert count(two) == 5
    found = json.loads(call("restore", str(file), "--state", str(two), "--replace", "--json").output)
    assert count(two) == 20

    async def main() -> None:
        kept = SurrealStore(Path(found["kept"]), read_only=True)
        await kept.open()
        assert len(await kept.events("r")) == 5
        await kept.close()

    asyncio.run(main())


@pytest.mark.parametrize("damage", ["cut", "text", "other"])
def test_a_file_that_is_no_backup_changes_nothing(tmp_path: Path, damage: str) -> None:
    import tarfile

    state, file = tmp_path / "s", tmp_path / "b"
    fill(state)
    call("backup", str(file), "--state", str(state))
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-200])
    elif damage == "text":
        file.write_text("no archive")
    else:
        with tarfile.open(file, "w:gz") as tar:
            tar.add(state / "runs", "runs")
    error(call("restore", str(file), "--state", str(state), "--replace"), StoreError)
    assert count(state) == 20
    assert not list(state.glob("restoring-*"))


def test_a_swap_that_was_cut_off_is_finished_at_the_next_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, file = tmp_path / "one", tmp_path / "b"
    fill(one)
    call("backup", str(file), "--state", str(one))
    rename, left = Path.rename, 0

    def failing(path: Path, target: Path) -> Path:
        nonlocal left
        if path.name.startswith("state"):
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
        return rename(path, target)

    for steps in range(7):
        two = tmp_path / f"two{steps}"
        fill(two, 5)
        left = steps
        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", failing)
            call("restore", str(file), "--state", str(two), "--replace")
        assert count(two) == (5 if steps < 2 else 20)  # the first two only bring the new one beside the old
        finish(two / "state")
        assert count(two) == (5 if steps < 2 else 20)


def test_compacting_gives_space_back_and_keeps_everything(tmp_path: Path) -> None:
    fill(tmp_path, 300)

    async def look() -> tuple[object, ...]:
        store = open_store(tmp_path)
        await store.open()
        await store.forget(Tombstone("r", "audit", 100, "h", "2026", "test"))
        try:
            return (
                await store.events("r"), await store.all("r", "step"), await store.outbox(1000), await store.heads(),
                await store.tombstones(), await store.backlog(),
            )  # fmt: skip
        finally:
            await store.close()

    before = asyncio.run(look())
    found = json.loads(call("compact", "--state", str(tmp_path), "--json").output)
    assert found["after"] < 0.8 * found["before"]
    assert asyncio.run(look()) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "state", "state.lock", "state.mark"]


def test_a_state_in_use_is_not_compacted(tmp_path: Path) -> None:
    async def main() -> None:
        async with launch(Settings(str(tmp_path))):
            result = await asyncio.to_thread(call, "compact", "--state", str(tmp_path))
            error(result, StoreLocked)

    asyncio.run(main())


def test_check_names_a_journal_that_does_not_hold(tmp_path: Path) -> None:
    from surrealdb import BlockingEmbeddedSurrealConnection

    fill(tmp_path)
    told = f"{tmp_path}: 1 run, 20 events, every journal holds, and every document is as it says\n"
    assert call("check", "--state", str(tmp_path)).output == told
    db = BlockingEmbeddedSurrealConnection(f"surrealkv://{tmp_path / 'state'}")
    db.connect()
    db.use("runner", "runner")
    db.query("DELETE event:['r', 7]")
    del db
    assert "event 7 is missing" in error(call("check", "--state", str(tmp_path)), JournalBroken)
    result = call("check", "--state", str(tmp_path), "--json")
    assert (result.exit_code, len(json.loads(result.output)["broken"])) == (1, 1)


def test_check_names_a_document_that_its_journal_does_not_tell(tmp_path: Path) -> None:
    async def main() -> None:
        store = open_store(tmp_path)
        await store.open()
        events = [EventDraft("run.created", draft(0).ts, None, None, {"steps_total": 1}), draft(1)]
        run = Change("run", "r", 0, {"state": "pending", "steps_total": 1})
        await store.commit("r", [run, Change("step", "a", 0, {"state": "x"})], events)
        await store.close()

    asyncio.run(main())
    told = "run r: step a: its state is 'x' in the state, and 'ready' after its journal"
    assert told in error(call("check", "--state", str(tmp_path)), JournalBroken)
    result = call("check", "--state", str(tmp_path), "--json")
    assert (result.exit_code, json.loads(result.output)["differing"]) == (1, [told])


def test_export_prints_documents_and_events(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    lines = [json.loads(line) for line in call("export", "--state", str(tmp_path)).output.splitlines()]
    assert lines[0] == {"run": "r", "table": "step", "key": "a", "rev": 3, "data": {"n": 2, "text": "x" * 200}}
    assert [line["event"]["data"]["n"] for line in lines[1:]] == [0, 1, 2]


def test_a_server_is_not_taken_for_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNER_STATE_URL", "ws://127.0.0.1:9/rpc")
    for arguments in (["backup", "f"], ["restore", "f"], ["compact"]):
        assert "RUNNER_STATE_URL names a server" in error(call(*arguments, "--state", str(tmp_path)), UsageError)
