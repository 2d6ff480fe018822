"""Boxes' disks, as far as nothing has to be mounted for them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.embedded.e2b.walls import images
from runner.embedded.e2b.walls.disk import Disks
from runner.embedded.e2b.walls.layers import TOPS


@pytest.fixture
def disks(tmp_path: Path) -> Disks:
    return Disks(tmp_path / "disks", literal=False, images=False)


def test_a_fresh_disk(disks: Disks, tmp_path: Path) -> None:
    disk = disks.take(64)
    assert disks.rung == "folder"
    assert {each.name for each in (disk.root / "up").iterdir()} == set(TOPS)
    assert (disk.up("home") / "user").is_dir()
    assert disk.tmp.stat().st_mode & 0o7777 == 0o1777
    assert disk.total == 64 * 1024 * 1024
    empty = disk.used()
    (disk.up("home") / "user" / "file").write_bytes(bytes(100_000))
    assert 100_000 <= disk.used() - empty < 120_000
    disks.give_back(disk)
    assert not list((tmp_path / "disks").iterdir())


def deep(folder: Path, size: int) -> None:
    """Make a file of this size deeper than any path can say."""
    here = os.open(folder, os.O_DIRECTORY)
    for _ in range(30):
        os.mkdir("d" * 200, dir_fd=here)
        here, above = os.open("d" * 200, os.O_DIRECTORY, dir_fd=here), here
        os.close(above)
    fd = os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=here)
    os.write(fd, bytes(size))
    os.close(fd)
    os.close(here)


def test_files_are_counted_however_deep_they_lie_and_once(disks: Disks) -> None:
    disk = disks.take(64)
    empty = disk.used()
    deep(disk.tmp, 1_000_000)
    (disk.tmp / "link").symlink_to("/usr")
    counted = disk.used() - empty
    assert 1_000_000 <= counted < 1_500_000
    (disk.up("home") / "user" / "file").write_bytes(bytes(500_000))
    for number in range(5):
        os.link(disk.up("home") / "user" / "file", disk.up("home") / "user" / f"file{number}")
    assert 500_000 <= disk.used() - empty - counted < 600_000
    disks.give_back(disk)
    assert not disk.root.exists()


def test_what_is_not_given_back_goes_at_the_end(disks: Disks, tmp_path: Path) -> None:
    disks.give_back(disks.take(64))
    disks.take(64)
    disks.close()
    assert not list((tmp_path / "disks").iterdir())


def test_what_is_kept_is_what_was_changed(disks: Disks, tmp_path: Path) -> None:
    disk = disks.take(64)
    (disk.up("home") / "user" / "file").write_text("kept")
    (disk.tmp / "passing").write_text("kept too")
    disks.keep(disk, tmp_path / "plain")
    disks.keep(disk, tmp_path / "whole", tmp=True)
    assert [each.name for each in (tmp_path / "plain").iterdir()] == ["home"]
    assert (tmp_path / "plain" / "home" / "user" / "file").read_text() == "kept"
    assert (tmp_path / "whole" / "tmp" / "passing").read_text() == "kept too"


def test_a_layer_is_whole_or_absent(disks: Disks, tmp_path: Path) -> None:
    disk = disks.take(64)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "something").touch()
    with pytest.raises(OSError, match="not empty"):
        disks.keep(disk, tmp_path / "there")
    disk.tmp.rename(disk.root / "away")
    with pytest.raises(OSError, match="No such file"):
        disks.keep(disk, tmp_path / "half", tmp=True)
    assert {each.name for each in tmp_path.iterdir()} == {"disks", "there"}


def test_nobody_of_the_host_comes_near_users_that_are_not_theirs(tmp_path: Path) -> None:
    Disks(tmp_path / "disks", literal=True, images=False)
    assert (tmp_path / "disks").stat().st_mode & 0o777 == 0o700


def test_an_image_is_copied_with_its_holes(tmp_path: Path) -> None:
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.truncate(1_000_000_000)
        for at in (0, 500_000_000, 999_000_000):
            file.seek(at)
            file.write(b"x" * 10_000)
    images.copy(source, tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_size == 1_000_000_000
    assert (tmp_path / "copy").stat().st_blocks * 512 < 1_000_000
    with (tmp_path / "copy").open("rb") as file:
        file.seek(500_000_000)
        assert file.read(10_001) == b"x" * 10_000 + b"\0"


def test_an_image_holds_a_file_system_and_little_else(tmp_path: Path, missing: Callable[[str], None]) -> None:
    try:
        images.make(tmp_path / "image", 1024)
    except FileNotFoundError as error:
        missing(str(error))
    assert (tmp_path / "image").stat().st_size == 1024**3
    assert (tmp_path / "image").stat().st_blocks * 512 < 8 * 1024**2
    with (tmp_path / "image").open("rb") as file:
        file.seek(1024 + 56)
        assert file.read(2) == b"\x53\xef"  # the magic number of ext4's superblock


def test_without_the_program_that_makes_file_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images.shutil, "which", lambda *_, **__: None)
    with pytest.raises(FileNotFoundError, match="apt-get install e2fsprogs"):
        images.make(tmp_path / "image", 1)
