"""The edge's folder: its own while it lives, gone afterwards."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from runner.embedded.e2b.folders.state import KeptFolder, StateFolder, clear_old, remove
from runner.errors import ServiceError


def test_a_folder_lives_as_long_as_its_edge(tmp_path: Path) -> None:
    base = tmp_path / "made" / "on demand"
    with StateFolder(base) as one, StateFolder(base) as two:
        assert one.path != two.path
        assert one.path.parent == base.resolve()
        assert one.path.stat().st_mode & 0o777 == 0o711
    assert not list(base.iterdir())


def test_a_dead_edges_folder_is_removed_and_a_strangers_is_not(tmp_path: Path) -> None:
    dead = tmp_path / "runner-e2b-dead"
    (dead / "boxes").mkdir(parents=True)
    (dead / "lock").touch()
    (tmp_path / "runner-e2b-being-made").mkdir()
    (tmp_path / "something-else").mkdir()
    (tmp_path / "something-else" / "lock").touch()
    with StateFolder(tmp_path):
        names = {each.name for each in tmp_path.iterdir()}
    assert "runner-e2b-dead" not in names
    assert {"runner-e2b-being-made", "something-else"} <= names


def test_what_a_box_made_unwritable_is_removed_and_links_are_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o500)
    (tmp_path / "gone" / "a" / "b").mkdir(parents=True)
    (tmp_path / "gone" / "a" / "b" / "f").touch()
    (tmp_path / "gone" / "link").symlink_to(kept)
    (tmp_path / "gone" / "a" / "b").chmod(0)
    (tmp_path / "gone" / "a").chmod(0)
    remove(tmp_path / "gone")
    assert not (tmp_path / "gone").exists()
    assert kept.stat().st_mode & 0o777 == 0o500


def test_folders_deeper_than_python_can_go_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    for _ in range(1500):
        os.mkdir("d")  # noqa: PTH102 - the whole path is too long for pathlib
        os.chdir("d")
    os.chdir(tmp_path)
    remove(gone)
    assert not gone.exists()


@pytest.mark.parametrize("kind", [StateFolder, KeptFolder])
def test_a_folder_that_cannot_be_is_refused_with_what_to_do(
    kind: type[StateFolder | KeptFolder], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ServiceError, match=r"file.* cannot hold an endpoint's files: ") as caught,
        kind(tmp_path / "file"),
    ):
        pass
    assert "--folder" in caught.value.hint


def test_who_waits_for_a_folder_that_is_removed_gets_a_new_one(tmp_path: Path) -> None:
    place, held = tmp_path / "run", threading.Event()

    def first() -> None:
        with KeptFolder(place) as folder:
            held.set()
            time.sleep(0.2)
            folder.clear()

    other = threading.Thread(target=first)
    other.start()
    assert held.wait(10)
    with KeptFolder(place, 30.0) as folder:
        assert folder.key("index") == folder.key("index")
        assert (folder.path / "lock").exists()
    other.join()


def test_folders_that_nobody_came_back_to_are_removed_and_one_in_use_is_not(tmp_path: Path) -> None:
    for name in ("old", "used", "young"):
        with KeptFolder(tmp_path / name):
            pass
    (tmp_path / "strange").mkdir()
    (tmp_path / "old" / "kept" / "layers").mkdir()
    with KeptFolder(tmp_path / "used"):
        for name in ("old", "used"):
            os.utime(tmp_path / name / "kept" / "lock", (1.0, 1.0))
        clear_old(tmp_path, 1000.0)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["strange", "used", "young"]


def test_a_folder_without_a_lock_is_a_dead_edges_once_it_is_old(tmp_path: Path) -> None:
    old, young = tmp_path / "runner-e2b-old", tmp_path / "runner-e2b-young"
    for folder in (old, young):
        (folder / "disks").mkdir(parents=True)
    os.utime(old, (1.0, 1.0))
    with StateFolder(tmp_path):
        assert not old.exists(), "its edge was killed when it began, or while it removed the folder"
        assert young.exists(), "its edge may be about to lock it"
