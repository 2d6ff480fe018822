"""`runner snapshot` and `runner run --from-snapshot`, with fake boxes and a store in memory."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import tarfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from runner import wiring
from runner.cli.main import app
from runner.compiler.plan.choose import Fact
from runner.errors import UsageError
from runner.run import snapshots
from runner.run.event import EventDraft, verify
from runner.run.ports import Change
from runner.sandbox.fake import FakeCloud, FakeSandbox
from runner.store.memory import MemoryStore

SPEC = """\
spec: 1
name: snap
sandboxes:
  web: {needs: {runtime: python}, prefer: [e2b]}
  py: {needs: {runtime: python}, prefer: [e2b]}
steps:
  make: {sandbox: web, run: 'ls; echo hi > made; chmod 750 made'}
  many: {sandbox: py, after: [make], matrix: {n: [1, 2]}, run: 'ls; echo "${{ matrix.n }}" > n'}
  no: {sandbox: py, after: [many], run: exit 3}
"""


class Desk:
    """A folder, a store, and the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = MemoryStore()
        self.cloud = FakeCloud()
        (folder / "spec.yaml").write_text(SPEC)

    def call(self, *arguments: str, input_: bytes | None = None) -> Result:
        state = ["--state", str(self.folder / "state")]
        return CliRunner().invoke(app, [*arguments, *state], input=input_)

    def run(self, *arguments: str) -> Result:
        return self.call("run", str(self.folder / "spec.yaml"), "--engine", "local", *arguments)

    def file(self, name: str) -> str:
        return str(self.folder / name)


async def journal(store: MemoryStore, run: str) -> Any:
    await store.open()
    try:
        return await store.events(run), await store.head(run)
    finally:
        await store.close()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    made = Desk(tmp_path)

    @asynccontextmanager
    async def providers(environ: Any, **_: Any) -> Any:
        facts = {"e2b": Fact(available=True, reason="a fake")}
        yield wiring.Provision({"e2b": FakeSandbox(made.cloud, provider="e2b")}, facts, "boxes: fakes")

    monkeypatch.setattr(wiring, "open_providers", providers)
    for where in ("runner.wiring", "runner.cli.state", "runner.cli.snapshot"):
        monkeypatch.setattr(f"{where}.open_store", lambda state, read_only=False: made.store)
    monkeypatch.setattr("runner.cli.state.has_store", lambda state: bool(made.store._records))
    yield made
    made.cloud.free_all()


def packed(name: str, content: bytes = b"x\n", kind: bytes = tarfile.REGTYPE) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as target:
        info = tarfile.TarInfo(name)
        info.type, info.size = kind, len(content)
        target.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def refusal(result: Result) -> UsageError:
    """What the command line was refused with."""
    assert isinstance(result.exception, UsageError), result.output
    return result.exception


def names(file: str) -> list[str]:
    with tarfile.open(file) as source:
        return sorted(source.getnames())


def test_what_a_step_left_is_exported_the_same_every_time(desk):
    desk.run("--snapshots")
    listed = json.loads(desk.call("snapshot", "list", "last", "--json").output)
    assert [row["step"] for row in listed] == ["make", "many[n=1]", "many[n=2]"], "what failed has none"
    first = desk.call("snapshot", "export", "last", "make", desk.file("a.tar"))
    assert (first.exit_code, "a.tar: 1 files, 10240 bytes" in first.output) == (0, True)
    told = json.loads(desk.call("snapshot", "export", "last", "make", desk.file("b.tar"), "--json").output)
    assert Path(desk.file("a.tar")).read_bytes() == Path(desk.file("b.tar")).read_bytes()
    assert told["digest"] == hashlib.sha256(Path(desk.file("b.tar")).read_bytes()).hexdigest() == listed[0]["digest"]
    out = desk.call("snapshot", "export", "last", "make", "-")
    assert out.stdout_bytes == Path(desk.file("a.tar")).read_bytes()
    assert "make" in desk.call("snapshot", "list", "last").output


@pytest.mark.parametrize("place", [".", "/dev/null"])
def test_an_export_takes_the_place_of_a_file_only(desk, place):
    desk.run("--snapshots")
    assert "not a file" in refusal(desk.call("snapshot", "export", "last", "make", place)).message
    assert Path(place).exists()
    assert not Path(place).is_file()


def test_a_step_without_a_snapshot_is_told_why(desk):
    desk.run("--snapshots")
    wanted = {
        "nope": "has no step 'nope'",
        "many": "many has 2 legs: many[n=1], many[n=2]",
        "no": "no of run",
    }
    for step, words in wanted.items():
        result = desk.call("snapshot", "export", "last", step, desk.file("x.tar"))
        assert words in refusal(result).message
    assert "it is failed" in refusal(desk.call("snapshot", "export", "last", "no", desk.file("x.tar"))).message


def test_without_the_option_nothing_is_kept_and_the_way_is_told(desk):
    desk.run()
    assert "runner run SPEC --snapshots" in desk.call("snapshot", "list", "last").output
    error = refusal(desk.call("snapshot", "export", "last", "make", desk.file("x.tar")))
    assert "the files of its box were not kept" in error.message
    assert "--snapshots" in error.hint


def test_an_imported_tar_is_what_the_next_run_begins_with_and_stands_in_the_journal(desk):
    desk.run()
    Path(desk.file("mine.tar")).write_bytes(packed("given"))
    told = json.loads(desk.call("snapshot", "import", "last", "make", desk.file("mine.tar"), "--json").output)
    assert (told["step"], told["sandbox"], told["files"]) == ("make", "web", 1)
    again = desk.run("--snapshots", "--from-snapshot", f"{told['run']}:make")
    assert "make │ given" in again.output
    assert "many[n=1] │ given" not in again.output, "another sandbox"
    events, head = asyncio.run(journal(desk.store, told["run"]))
    imported = [event for event in events if event.type == "snapshot.imported"]
    assert [(event.step, event.data["source"], event.data["before"]) for event in imported] == [
        ("make", "mine.tar", None)
    ]
    verify(events, told["run"], head)
    desk.call("snapshot", "export", "last", "make", desk.file("out.tar"))
    assert names(desk.file("out.tar")) == ["given", "made"]


def test_a_tar_from_elsewhere_is_given_to_the_sandbox_that_is_named(desk):
    Path(desk.file("mine.tar")).write_bytes(packed("given"))
    told = desk.run("--from-snapshot", f"py={desk.file('mine.tar')}").output
    assert "many[n=1] │ given" in told
    assert "make │ given" not in told


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("missing.tar", "there is no such file"),
        ("make", "names neither a step of a run nor a tar"),
        ("nowhere={}/mine.tar", "no step runs in a sandbox nowhere; there are web, py"),
        ("{}/mine.tar", "which sandbox begins with it? There are web, py"),
        ("last:make", "no runs in"),
        ("py={}/evil.tar", "leaves the folder"),
        ("py={}/text.tar", "not a tar"),
    ],
)
def test_what_boxes_cannot_begin_with_is_refused_before_anything_starts(desk, option, words):
    Path(desk.file("mine.tar")).write_bytes(packed("given"))
    Path(desk.file("evil.tar")).write_bytes(packed("../evil"))
    Path(desk.file("text.tar")).write_text("hello")
    result = desk.run("--from-snapshot", option.format(desk.folder))
    assert words in refusal(result).message
    assert "engine:" not in result.output


def test_two_beginnings_of_one_sandbox_are_one_too_many(desk):
    Path(desk.file("mine.tar")).write_bytes(packed("given"))
    twice = ["--from-snapshot", f"py={desk.file('mine.tar')}"] * 2
    assert "begins with" in refusal(desk.run(*twice)).message


@pytest.mark.parametrize("evil", [packed("../evil"), packed("pipe", b"", tarfile.FIFOTYPE), b"no tar"])
def test_a_hostile_tar_is_not_imported(desk, evil):
    desk.run()
    result = desk.call("snapshot", "import", "last", "make", "-", input_=evil)
    assert refusal(result).hint.startswith("Make the archive with")
    assert json.loads(desk.call("snapshot", "list", "last", "--json").output) == []


def test_what_a_paused_run_kept_of_a_box_is_the_snapshot_of_the_step_that_was_last_in_it(desk):
    kept = snapshots.stored(desk.folder / "state" / "artifacts", packed("kept"))
    legs = {"a": "2026-01-31T12:00:01Z", "b": "2026-01-31T12:00:02Z"}
    about = {"digest": kept.digest, "bytes": kept.bytes, "succeeded": [*legs]}
    changes = [
        Change("run", "r1", 0, {"id": "r1", "state": "paused", "created_at": "2026-01-31T12:00:00Z"}),
        Change("box", "i1", 0, {"sandbox": "web", "copy": about}),
    ]
    for key, ended in legs.items():
        changes.append(Change("step", key, 0, {"step": key, "state": "succeeded", "box": "i1", "ended_at": ended}))

    async def commit() -> None:
        await desk.store.open()
        await desk.store.commit("r1", changes, [EventDraft("run.created", "2026-01-31T12:00:00.000000Z")])
        await desk.store.close()

    asyncio.run(commit())
    assert desk.call("snapshot", "export", "r1", "b", desk.file("b.tar")).exit_code == 0
    assert names(desk.file("b.tar")) == ["kept"]
    assert "were not kept" in refusal(desk.call("snapshot", "export", "r1", "a", desk.file("a.tar"))).message
