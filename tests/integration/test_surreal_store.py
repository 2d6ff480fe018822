"""The store in SurrealDB: the conformance suite, and what only a disk can do to it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.compiler.canonical import canonical
from runner.errors import JournalBroken, StoreConflict, StoreError, StoreFull, StoreLocked, StoreNewer
from runner.run.event import EventDraft, verify
from runner.run.ports import Change, StateStore
from runner.store.answers import failure
from runner.store.conformance import CHECKS, Bench, Check
from runner.store.home import FolderHome
from runner.store.migration import MIGRATIONS, VERSION
from runner.store.queries import queries
from runner.store.surreal import SurrealStore
from runner.store.watermark import Watermark

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_conformance(check: Check, tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "state"
        stores = [SurrealStore(path)]
        await stores[0].open()

        async def reopen() -> StateStore:
            await stores[-1].close()
            stores.append(SurrealStore(path))
            await stores[-1].open()
            return stores[-1]

        try:
            await check.run(Bench(stores[0], reopen))
        finally:
            for store in stores:
                await store.close()

    asyncio.run(main())


# ---------------------------------------------------------------- what only a disk and a vendor can do


def draft(number: int = 0) -> EventDraft:
    return EventDraft("step.ready", "2026-01-31T12:00:00.000000Z", "a", 1, {"n": number})


def raw(path: Path, query: str, **values: object) -> list[Any]:
    """Run a query past the store, as somebody with the SDK would."""
    from surrealdb import BlockingEmbeddedSurrealConnection

    db = BlockingEmbeddedSurrealConnection(f"surrealkv://{path}")
    db.connect()
    db.use("runner", "runner")
    results = db.query_raw(query, values)["result"]
    assert [part["status"] for part in results] == ["OK"] * len(results)
    return [part["result"] for part in results]


async def filled(path: Path, commits: int = 5) -> None:
    store = SurrealStore(path)
    await store.open()
    await store.commit("r", [Change("run", "r", 0, {"created_at": "2026-01-31T12:00:00Z"})], [draft()])
    for number in range(1, commits):
        await store.commit("r", [Change("step", "a", number - 1, {"n": number})], [draft(number)])
    await store.close()


async def opened(path: Path, *, read_only: bool = False) -> SurrealStore:
    store = SurrealStore(path, read_only=read_only)
    await store.open()
    return store


def test_a_second_store_on_the_path_is_locked_out(tmp_path: Path) -> None:
    async def main() -> None:
        store = await opened(tmp_path / "state")
        with pytest.raises(StoreLocked, match=f"process {os.getpid()}"):
            await opened(tmp_path / "state")
        await store.commit("r", [], [draft()])
        await store.close()
        await (await opened(tmp_path / "state")).close()

    asyncio.run(main())


def test_a_held_store_can_be_read_meanwhile(tmp_path: Path) -> None:
    async def main() -> None:
        store = await opened(tmp_path / "state")
        await store.commit("r", [Change("run", "r", 0, {})], [draft(), draft()])
        view = await opened(tmp_path / "state", read_only=True)
        await store.commit("r", [], [draft()])
        assert verify(await view.events("r"), "r", await view.head("r")) == 2
        assert [record.key for record in await view.runs()] == ["r"]
        with pytest.raises(StoreError, match="reading only"):
            await view.commit("r", [], [draft()])
        with pytest.raises(StoreError, match="reading only"):
            await view.delivered([])
        await view.close()
        assert verify(await store.events("r"), "r", await store.head("r")) == 3
        await store.close()

    before = set(Path(tempfile.gettempdir()).glob("runner-state-*"))
    asyncio.run(main())
    assert set(Path(tempfile.gettempdir()).glob("runner-state-*")) <= before


def test_a_store_that_cannot_be_written_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "there"

    def found() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}

    async def main() -> None:
        store = await opened(folder / "state")
        await store.commit("r", [Change("run", "r", 0, {})], [draft(), draft()])
        await store.close()
        before = found()
        # As on a read-only file system; the tests may run as root, whom no mode of a folder keeps out.
        monkeypatch.setattr("os.access", lambda path, mode: False)
        view = await opened(folder / "state", read_only=True)
        assert verify(await view.events("r"), "r", await view.head("r")) == 2
        await view.close()
        assert found() == before

    asyncio.run(main())


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_any_json_under_any_key_comes_back(tmp_path: Path) -> None:
    seen: dict[str, int] = {}

    async def main(store: SurrealStore, key: str, value: Any) -> None:
        data = {"value": value}
        await store.commit("r", [Change("step", key, seen.get(key, 0), data)], [EventDraft("x", "2026", key, 1, data)])
        seen[key] = seen.get(key, 0) + 1
        record = await store.get("r", "step", key)
        assert record is not None
        assert (record.key, record.rev) == (key, seen[key])
        assert canonical(record.data) == canonical(data)
        event = (await store.events("r", after=sum(seen.values()) - 1))[0]
        assert canonical(event.data) == canonical(data)
        assert event.step == key

    with asyncio.Runner() as runner:
        store = runner.run(opened(tmp_path / "state"))

        @settings(max_examples=150, deadline=None)
        @given(key=st.text(max_size=20), value=JSON_VALUES)
        def check(key: str, value: Any) -> None:
            runner.run(main(store, key, value))

        check()
        assert verify(runner.run(store.events("r")), "r", runner.run(store.head("r"))) == sum(seen.values())
        runner.run(store.close())


def test_reading_leaves_no_trace(tmp_path: Path) -> None:
    asyncio.run(filled(tmp_path / "state"))
    log = next((tmp_path / "state" / "clog").iterdir())
    before = log.read_bytes()

    async def main() -> None:
        view = await opened(tmp_path / "state", read_only=True)
        assert len(await view.events("r")) == 5
        await view.close()

    asyncio.run(main())
    assert log.read_bytes() == before


@pytest.mark.parametrize("name", ["with space", "ünï#côde?x=1&y%20z", "a:b@c"])
def test_any_folder_will_do(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "state"

    async def main() -> None:
        store = await opened(path)
        await store.commit("r", [], [draft()])
        await store.close()
        store = await opened(path)
        assert len(await store.events("r")) == 1
        await store.close()

    asyncio.run(main())
    assert (path / "clog").is_dir()


def test_every_commit_is_flushed_to_the_disk(tmp_path: Path, root: Path, missing: Callable[[str], None]) -> None:
    """Also when the process has read from the store before its first write."""
    if shutil.which("strace") is None:
        missing("strace (apt install strace)")
    script = """
import asyncio, sys
from pathlib import Path
from runner.run.event import EventDraft
from runner.store.surreal import SurrealStore

async def main(path):
    await (store := SurrealStore(path)).open()
    await store.close()
    await (view := SurrealStore(path, read_only=True)).open()
    await view.runs()
    await view.close()
    await (store := SurrealStore(path)).open()
    for n in range(40):
        await store.commit("r", [], [EventDraft("step.ready", "2026", data={"n": n})])
    await store.close()

asyncio.run(main(Path(sys.argv[1])))
"""
    command = ["strace", "-f", "-e", "trace=fsync,fdatasync", "-o", str(tmp_path / "trace")]
    subprocess.run([*command, sys.executable, "-c", script, str(tmp_path / "state")], check=True, cwd=root)
    assert (tmp_path / "trace").read_text().count("sync(") >= 40


def test_the_environment_stays_as_it_was(tmp_path: Path) -> None:
    assert "SURREAL_SYNC_DATA" not in os.environ
    asyncio.run(filled(tmp_path / "state"))
    assert "SURREAL_SYNC_DATA" not in os.environ


def test_a_newer_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state"
    asyncio.run(filled(path))
    raw(path, "UPDATE meta:schema SET version = $v", v=VERSION + 1)
    gc.collect()
    log = next((path / "clog").iterdir())
    before = log.read_bytes()
    for read_only in (False, True):
        with pytest.raises(StoreNewer, match=f"version {VERSION + 1}") as error:
            asyncio.run(opened(path, read_only=read_only))
        assert "Upgrade" in error.value.hint
    assert log.read_bytes() == before


def test_an_older_store_is_brought_up_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    asyncio.run(filled(path))
    monkeypatch.setattr(
        "runner.store.migration.MIGRATIONS", (*MIGRATIONS, (VERSION + 1, "second"), (VERSION + 2, "third"))
    )
    monkeypatch.setattr("runner.store.migration.VERSION", VERSION + 2)
    steps = {"second": "CREATE note:one SET n = 1", "third": "UPDATE note:one SET n += 1"}
    monkeypatch.setattr("runner.store.home.queries", lambda: queries() | steps)
    for _ in range(2):  # the second opening migrates nothing
        asyncio.run(_open_and_close(path))
    assert raw(path, "SELECT VALUE n FROM note:one; SELECT VALUE version FROM meta:schema") == [[2], [VERSION + 2]]


async def _open_and_close(path: Path) -> None:
    await (await opened(path)).close()


def test_a_flipped_byte_is_found_and_nothing_is_thrown_away(tmp_path: Path) -> None:
    path = tmp_path / "state"
    asyncio.run(filled(path, commits=20))
    log = next((path / "clog").iterdir())
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 1
    log.write_bytes(content)
    for read_only in (False, True, False):
        with pytest.raises(StoreError, match="is damaged") as error:
            asyncio.run(opened(path, read_only=read_only))
        assert "backup" in error.value.hint
        assert log.read_bytes() == content
    (tmp_path / "state.mark").unlink()  # the remedy the hint names

    async def main() -> None:
        store = await opened(path)
        assert 1 < len(await store.events("r")) < 20
        await store.close()

    asyncio.run(main())


@pytest.mark.parametrize("cut", range(1, 1500, 70))
@pytest.mark.parametrize("ended", ["process", "machine"])
def test_no_half_of_a_transaction_is_ever_seen(tmp_path: Path, cut: int, ended: str) -> None:
    """The log ends anywhere in the last commit, which was never acknowledged; the six before it were."""
    path, mark = tmp_path / "state", tmp_path / "state.mark"

    async def write() -> tuple[bytes, int]:
        store = await opened(path)
        await store.commit("r", [Change("run", "r", 0, {})], [draft()])
        marks = []
        for number in range(5):
            await store.commit("r", [Change("step", "a", number, {"n": number})], [draft(number)])
            marks.append(mark.read_bytes())
        size = next((path / "clog").iterdir()).stat().st_size
        await store.commit("r", [Change("step", "a", 5, {"n": 6}), Change("box", "b", 0, {})], [draft(6), draft(7)])
        await store.close()
        if ended == "process":
            return marks[-1], size
        words = marks[1].split()  # flushed some commits ago, in an uptime that is over
        return b" ".join([*words[:2], b"another-uptime"]), size

    async def look() -> None:
        store = await opened(path)
        assert verify(await store.events("r"), "r", await store.head("r")) == 6
        assert len(await store.outbox()) == 6
        assert [record.rev for record in await store.all("r", "step")] == [5]
        assert await store.all("r", "box") == []
        await store.close()

    content, size = asyncio.run(write())
    log = next((path / "clog").iterdir())
    os.truncate(log, max(log.stat().st_size - cut, size))
    mark.write_bytes(content)
    asyncio.run(look())


def test_after_a_power_loss_flushed_commits_are_kept_though_the_mark_lags(tmp_path: Path) -> None:
    path, mark = tmp_path / "state", tmp_path / "state.mark"

    async def main() -> None:
        store = await opened(path)
        await store.commit("r", [], [draft()])
        words = mark.read_bytes().split()
        for _ in range(5):
            await store.commit("r", [], [draft()])
        await store.close()
        mark.write_bytes(b" ".join([*words[:2], b"another-uptime"]))
        store = await opened(path)
        assert verify(await store.events("r"), "r", await store.head("r")) == 6
        await store.close()

    asyncio.run(main())


def test_a_log_with_a_torn_end_opens_quietly(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "state"
    asyncio.run(filled(path))
    log = next((path / "clog").iterdir())
    with log.open("ab") as file:
        file.write(log.read_bytes()[-150:-60])

    async def main() -> None:
        store = await opened(path)
        assert verify(await store.events("r"), "r", await store.head("r")) == 5
        await store.commit("r", [], [draft()])
        await store.close()

    asyncio.run(main())
    assert capfd.readouterr().err == ""


def test_garbage_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "state"
    (path / "manifest").mkdir(parents=True)
    (path / "manifest" / "00000000000000000000.manifest").write_bytes(b"garbage" * 50)
    with pytest.raises(StoreError, match="failed") as error:
        asyncio.run(opened(path))
    assert str(path) in error.value.message
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="file"):
        asyncio.run(opened(tmp_path / "file"))
    with pytest.raises(StoreError, match="file"):
        asyncio.run(opened(tmp_path / "file" / "below"))


def test_a_changed_event_breaks_the_chain_at_its_number(tmp_path: Path) -> None:
    path = tmp_path / "state"
    asyncio.run(filled(path))
    bodies = raw(path, "SELECT VALUE body FROM event:['r', 3]")[0]
    for place, reason in ((bodies[0].index('"n":2') + 4, "does not match its hash"), (0, "cannot be read")):
        changed = bodies[0][:place] + "7" + bodies[0][place + 1 :]
        raw(path, "UPDATE event:['r', 3] SET body = $body", body=changed)
        gc.collect()

        async def main() -> None:
            store = await opened(path)
            try:
                verify(await store.events("r"), "r", await store.head("r"))
            finally:
                await store.close()

        with pytest.raises(JournalBroken, match=f"event 3 .*{reason}"):
            asyncio.run(main())


def test_a_damaged_document_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state"
    asyncio.run(filled(path))
    raw(path, "UPDATE step:['r', 'a'] SET body = '{'")
    gc.collect()

    async def main() -> None:
        store = await opened(path)
        try:
            await store.all("r", "step")
        finally:
            await store.close()

    with pytest.raises(StoreError, match="'a' of run r"):
        asyncio.run(main())


def test_a_head_moved_by_another_writer_is_read_again(tmp_path: Path) -> None:
    async def main() -> None:
        store = await opened(tmp_path / "state")
        first = await store.commit("r", [], [draft(), draft()])
        store._heads["r"] = (first[0].seq, first[0].hash)  # as if the second event were another process's
        sealed = await store.commit("r", [Change("step", "a", 0, {})], [draft()])
        assert sealed[0].seq == 3
        assert verify(await store.events("r"), "r", await store.head("r")) == 3
        await store.close()

    asyncio.run(main())


def test_a_race_is_repeated_and_then_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Failed to commit transaction due to a read or write conflict. This transaction can be retried"
    busy = 0
    query = FolderHome.ask

    def racing(home: FolderHome, name: str, values: dict[str, object]) -> list[Any]:
        nonlocal busy
        if name == "commit" and busy:
            busy -= 1
            raise failure(home.path, text)
        return query(home, name, values)

    monkeypatch.setattr(FolderHome, "ask", racing)

    async def main() -> None:
        nonlocal busy
        store = await opened(tmp_path / "state")
        busy = 3
        await store.commit("r", [], [draft()])
        busy = 10**9
        monkeypatch.setattr("runner.store.surreal._RACING", 0.2)
        with pytest.raises(StoreConflict, match="other writers"):
            await store.commit("r", [], [draft()])
        busy = 0
        assert len(await store.events("r")) == 1
        await store.close()

    asyncio.run(main())


def test_a_store_that_does_not_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    async def main() -> None:
        store = SurrealStore(tmp_path / "state", timeout=5.0)
        await store.open()
        store._timeout = 0.05
        monkeypatch.setattr(FolderHome, "ask", lambda *_: release.wait(20))
        with pytest.raises(StoreError, match="did not answer within"):
            await store.runs()
        release.set()
        monkeypatch.undo()
        store._timeout = 5.0
        await store.commit("r", [], [draft()])
        await store.close()

    asyncio.run(main())


def test_a_commit_that_could_not_be_marked_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Watermark) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def main() -> None:
        store = await opened(tmp_path / "state")
        await store.commit("r", [], [draft()])
        with monkeypatch.context() as patch:
            patch.setattr(Watermark, "advance", full)
            with pytest.raises(StoreFull):
                await store.commit("r", [Change("step", "a", 0, {})], [draft()])
        assert await store.get("r", "step", "a") is None
        sealed = await store.commit("r", [Change("step", "a", 0, {})], [draft()])
        assert sealed[0].seq == 2
        assert verify(await store.events("r"), "r", await store.head("r")) == 2
        await store.close()

    asyncio.run(main())


def test_a_cancelled_commit_is_written_all_the_same(tmp_path: Path) -> None:
    async def main() -> None:
        store = await opened(tmp_path / "state")
        task = asyncio.ensure_future(store.commit("r", [Change("step", "a", 0, {})], [draft()]))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await store.get("r", "step", "a")) is not None
        await store.close()

    asyncio.run(main())


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        store = SurrealStore(tmp_path / "state")
        with pytest.raises(StoreError, match="not open"):
            await store.runs()
        await store.open()
        with pytest.raises(ValueError, match="no table 'steps'"):
            await store.all("r", "steps")
        await store.close()
        with pytest.raises(StoreError, match="not open"):
            await store.commit("r", [], [draft()])

    asyncio.run(main())


@dataclass(frozen=True)
class Disk:
    """A folder in which little fits; `fill` leaves no room at all, `free` makes room again."""

    folder: Path
    fill: Callable[[], None]
    free: Callable[[], None]


@pytest.fixture(params=["tmpfs", "file size limit"])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path, missing: Callable[[str], None]) -> Iterator[Disk]:
    """A real full disk where we may mount one, and always its stand-in: a limit of this process on the size of files,
    which the engine meets as EFBIG in the place of ENOSPC.
    """
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "tmpfs":
        yield from _mounted(folder, missing)
        return
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int) -> Callable[[], None]:
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))

    limit(250_000)()
    yield Disk(folder, limit(0), limit(limits[0]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def _mounted(folder: Path, missing: Callable[[str], None]) -> Iterator[Disk]:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        missing(f"no right to mount a tmpfs (the stand-in runs): {mounted.stderr.decode().strip()}")
    ballast = folder / "ballast"
    ballast.write_bytes(b"x" * 300_000)

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)

    yield Disk(folder, fill, ballast.unlink)
    gc.collect()
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_loses_nothing_acknowledged(small_disk: Disk) -> None:
    path = small_disk.folder / "state"
    acknowledged = 0

    async def fill() -> None:
        nonlocal acknowledged
        store = await opened(path)
        await store.commit("r", [Change("step", "a", 0, {})], [draft()])
        acknowledged = 1

        async def until_full() -> None:
            nonlocal acknowledged
            while acknowledged < 1000:
                await store.commit("r", [Change("step", "a", acknowledged, {"x": "y" * 3000})], [draft(acknowledged)])
                acknowledged += 1

        with pytest.raises(StoreFull, match="no space left") as error:
            await until_full()
        assert "Free" in error.value.hint
        for _ in range(2):
            # Reading works while the disk is full, and shows no half of the commit that failed.
            assert verify(await store.events("r"), "r", await store.head("r")) == acknowledged
            with pytest.raises(StoreFull):
                await store.commit("r", [], [EventDraft("step.ready", "2026", data={"x": "y" * 9000})])
        small_disk.free()
        record = await store.get("r", "step", "a")
        assert record is not None
        await store.commit("r", [Change("step", "a", record.rev, {})], [draft(acknowledged)])
        acknowledged += 1
        await store.close()

    async def again() -> None:
        store = await opened(path)
        assert verify(await store.events("r"), "r", await store.head("r")) == acknowledged
        await store.close()

    asyncio.run(fill())
    assert acknowledged > 5
    asyncio.run(again())


def test_a_store_cannot_be_made_on_a_full_disk(small_disk: Disk) -> None:
    small_disk.fill()
    with pytest.raises(StoreFull):
        asyncio.run(opened(small_disk.folder / "state"))
    small_disk.free()
    asyncio.run(_open_and_close(small_disk.folder / "state"))
