from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runner.errors import StoreError, StoreLocked
from runner.store.lock import StoreLock

HOLD = """
import sys
from pathlib import Path
from runner.store.lock import StoreLock
StoreLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_the_second_taker_learns_who_holds_it(tmp_path: Path, root: Path) -> None:
    path = tmp_path / "state.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreLocked) as error:
            StoreLock(path).acquire()
        assert f"process {holder.pid} (" in error.value.message
        assert "since 20" in error.value.message
        assert f"kill {holder.pid}" in error.value.hint
        assert "--state" in error.value.hint
        holder.kill()
        holder.wait()
        StoreLock(path).acquire()  # a killed holder leaves its file, and no lock


def test_two_locks_in_one_process_exclude_each_other(tmp_path: Path) -> None:
    first, second = StoreLock(tmp_path / "s.lock"), StoreLock(tmp_path / "s.lock")
    first.acquire()
    first.acquire()
    assert first.held
    with pytest.raises(StoreLocked, match=str(os.getpid())):
        second.acquire()
    first.release()
    first.release()
    assert not first.held
    second.acquire()
    second.release()


@pytest.mark.parametrize("content", [b"", b"not json", b"[]", b'{"pid": "x"}', b"\xff\xfe", b'{"pid": 999999999}'])
def test_a_stale_file_is_no_obstacle(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.lock"
    path.write_bytes(content)
    lock = StoreLock(path)
    lock.acquire()
    assert json.loads(path.read_bytes())["pid"] == os.getpid()
    lock.release()


def test_a_writer_waits_for_a_reader(tmp_path: Path) -> None:
    reader, writer = StoreLock(tmp_path / "s.lock"), StoreLock(tmp_path / "s.lock")
    reader.acquire(reading=True)
    with pytest.raises(StoreLocked):
        StoreLock(tmp_path / "s.lock").acquire(reading=True)  # a reader has no need to wait: it reads a copy
    timer = threading.Timer(0.1, reader.release)
    timer.start()
    writer.acquire()
    timer.join()
    assert writer.held
    writer.release()


def test_a_writer_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.store.lock.PATIENCE", 0.05)
    reader = StoreLock(tmp_path / "s.lock")
    reader.acquire(reading=True)
    with pytest.raises(StoreLocked, match=str(os.getpid())):
        StoreLock(tmp_path / "s.lock").acquire()
    reader.release()


def test_a_holder_that_left_no_name_is_another_process(tmp_path: Path) -> None:
    lock = StoreLock(tmp_path / "s.lock")
    lock.acquire()
    lock.path.write_bytes(b"?")
    with pytest.raises(StoreLocked, match="another process"):
        StoreLock(lock.path).acquire()
    lock.release()


def test_the_name_tag_holds_no_arguments_with_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/runner", "run", "spec.yaml", "-i", "token=hunter2"])
    lock = StoreLock(tmp_path / "s.lock")
    lock.acquire()
    assert json.loads(lock.path.read_bytes())["command"] == "runner run"
    lock.release()


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot use the lock"):
        StoreLock(tmp_path / "file" / "s.lock").acquire()
