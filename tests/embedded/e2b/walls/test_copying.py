"""What a box has written is copied by a program that reaches nothing of the host, whatever is done to it meanwhile."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.embedded.e2b.walls import bubblewrap
from runner.embedded.e2b.walls.copying import copy_disk
from runner.embedded.e2b.walls.disk import Disk, Disks
from runner.errors import SandboxMissing

_EXCHANGE = 2
_ROUNDS = 60


@pytest.fixture
def bwrap(missing: Callable[[str], None]) -> Path:
    try:
        return bubblewrap.find()
    except SandboxMissing as error:
        missing(f"{error} {error.hint}")
        raise


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disks(tmp_path / "disks", literal=False, images=False).take(64)


def test_links_that_come_and_go_lead_nowhere(bwrap: Path, disk: Disk, tmp_path: Path) -> None:
    host, home = tmp_path / "host", disk.up("home") / "user"
    host.mkdir()
    (host / "private").write_text("of the host")
    (home / "folder").mkdir()
    (home / "folder" / "own").write_text("of the box")
    (home / "link").symlink_to(host)
    done, libc = threading.Event(), ctypes.CDLL(None, use_errno=True)

    def swap() -> None:
        while not done.is_set():
            libc.renameat2(-100, bytes(home / "folder"), -100, bytes(home / "link"), _EXCHANGE)

    swapping = threading.Thread(target=swap)
    swapping.start()
    found = set()
    try:
        for number in range(_ROUNDS):
            copy = tmp_path / f"copy{number}"
            copy.mkdir()
            try:
                copy_disk(bwrap, disk.root, copy, tmp=False)
            except OSError:
                continue
            found |= {each.name for each in (copy / "home/user").glob("*/*") if not each.parent.is_symlink()}
    finally:
        done.set()
        swapping.join()
    assert found <= {"own"}


def test_what_a_box_has_closed_to_itself_is_copied(bwrap: Path, disk: Disk, tmp_path: Path) -> None:
    closed = disk.up("home") / "user" / "closed"
    closed.mkdir()
    (closed / "file").write_text("kept")
    for each in (closed / "file", closed):
        each.chmod(0)
    (tmp_path / "copy").mkdir()
    copy_disk(bwrap, disk.root, tmp_path / "copy", tmp=True)
    kept = tmp_path / "copy/home/user/closed"
    assert kept.stat().st_mode & 0o777 == 0
    for each in (kept, closed):
        each.chmod(0o700)
    (kept / "file").chmod(0o600)
    assert (kept / "file").read_text() == "kept"


def test_a_copy_that_fails_says_why(bwrap: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    with pytest.raises(OSError, match=r"cannot be copied.*No such file"):
        copy_disk(bwrap, tmp_path / "nothing", tmp_path / "copy", tmp=False)
