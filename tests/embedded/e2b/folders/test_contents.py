"""What is in a volume: made, replaced, listed, and never outside of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.embedded.e2b.folders import beneath, contents
from runner.embedded.e2b.folders.contents import Contents, Owner
from runner.embedded.e2b.folders.volumes import VolumeRefused, Volumes

_NOBODY = Owner()


@pytest.fixture(params=["openat2", "step by step"])
def volume(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contents:
    """A volume, with the kernel's own way to stay beneath it and with ours."""
    if request.param != "openat2":
        monkeypatch.setattr(beneath, "_opener", lambda: beneath._step_by_step)
    (tmp_path / "outside").write_text("not yours")
    (tmp_path / "volume").mkdir()
    return Contents(tmp_path / "volume", literal=False)


def _write(volume: Contents, path: str, text: str, owner: Owner = _NOBODY, *, replace: bool = True) -> None:
    with volume.writing(path, owner, replace=replace) as fd:
        os.write(fd, text.encode())


def test_a_file_is_written_read_and_described(volume: Contents) -> None:
    _write(volume, "/a.txt", "hello", Owner(mode=0o640))
    entry = volume.entry("/a.txt")
    assert (entry["name"], entry["type"], entry["path"], entry["size"]) == ("a.txt", "file", "/a.txt", 5)
    assert (entry["mode"], entry["uid"], entry["gid"]) == (0o640, 1000, 1000)
    with os.fdopen(volume.open("a.txt"), "rb") as file:
        assert file.read() == b"hello"
    _write(volume, "/a.txt", "again")
    assert volume.entry("/a.txt")["mode"] == 0o640
    assert [each["name"] for each in volume.listing("/", 1)] == ["a.txt"]


def test_a_file_that_must_be_new_is_not_replaced(volume: Contents) -> None:
    _write(volume, "/a", "first")
    with pytest.raises(FileExistsError):
        _write(volume, "/a", "second", replace=False)
    assert (volume.folder / "a").read_text() == "first"
    assert [each.name for each in volume.folder.iterdir()] == ["a"]


def test_a_transfer_that_breaks_off_leaves_the_file_as_it_was(volume: Contents) -> None:
    _write(volume, "/a", "first")

    def break_off() -> None:
        with volume.writing("/a", _NOBODY, replace=True) as fd:
            os.write(fd, b"half")
            raise ConnectionError

    with pytest.raises(ConnectionError):
        break_off()
    assert (volume.folder / "a").read_text() == "first"
    assert [each.name for each in volume.folder.iterdir()] == ["a"]


def test_folders_are_made_listed_to_a_depth_and_removed(volume: Contents) -> None:
    with pytest.raises(FileNotFoundError):
        volume.make_folder("/a/b/c", _NOBODY, parents=False)
    volume.make_folder("/a/b/c", Owner(mode=0o700), parents=True)
    volume.make_folder("/a/b/c", _NOBODY, parents=True)
    with pytest.raises(FileExistsError):
        volume.make_folder("/a/b/c", _NOBODY, parents=False)
    _write(volume, "/a/b/file", "x")
    with pytest.raises(FileExistsError):
        volume.make_folder("/a/b/file", _NOBODY, parents=True)
    assert volume.entry("/a/b/c")["mode"] == 0o700
    assert volume.entry("/a/b")["mode"] == 0o755
    assert [each["path"] for each in volume.listing("/", 1)] == ["/a"]
    assert [each["path"] for each in volume.listing("/", 3)] == ["/a", "/a/b", "/a/b/c", "/a/b/file"]
    volume.remove("/a")
    assert volume.listing("/", 9) == []


@pytest.mark.parametrize("target", ["../outside", "/etc/passwd", ".."])
def test_links_that_lead_out_are_shown_and_removed_and_never_followed(volume: Contents, target: str) -> None:
    (volume.folder / "link").symlink_to(target)
    entry = volume.entry("/link")
    assert (entry["type"], entry["target"]) == ("symlink", target)
    tries: list[Callable[[], object]] = [
        lambda: volume.open("/link"),
        lambda: volume.open("/link/outside"),
        lambda: volume.listing("/link", 1),
        lambda: volume.make_folder("/link/x", _NOBODY, parents=True),
        lambda: volume.change("/link", Owner(mode=0o777)),
        lambda: volume.remove("/link/outside"),
        lambda: _write(volume, "/link/outside", "mine"),
    ]
    for attempt in tries:
        with pytest.raises(OSError, match=r"link|outside"):
            attempt()
    _write(volume, "/link", "a file in the link's place")
    assert (volume.folder / "link").is_symlink() is False
    assert (volume.folder.parent / "outside").read_text() == "not yours"


@pytest.mark.parametrize("path", ["/../outside", "a/../../outside", "x\0y"])
def test_a_path_cannot_go_up(volume: Contents, path: str) -> None:
    with pytest.raises(OSError, match="goes down from the root"):
        volume.open(path)


def test_a_pipe_made_by_a_box_does_not_make_the_edge_wait(volume: Contents) -> None:
    os.mkfifo(volume.folder / "pipe")
    done = threading.Event()

    def look() -> None:
        with pytest.raises(OSError, match="not a regular file"):
            volume.open("/pipe")
        done.set()

    threading.Thread(target=look, daemon=True).start()
    assert done.wait(10)


def test_the_root_can_be_listed_but_not_removed(volume: Contents) -> None:
    assert volume.entry("/")["type"] == "directory"
    with pytest.raises(OSError, match="root itself"):
        volume.remove("/")


def test_a_full_volume_takes_nothing_more(volume: Contents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "QUOTA", 15_000)
    volume.check_room(9_000)
    with pytest.raises(OSError, match="may hold 15000 bytes"):
        volume.check_room(9_000)


def test_volumes_are_found_again_by_a_later_endpoint(tmp_path: Path) -> None:
    volumes = Volumes(tmp_path / "v", literal=False)
    made = volumes.create("data-1")
    other = volumes.create("data_2")
    assert volumes.opens(made, volumes.token(made))
    assert not volumes.opens(made, volumes.token(other))
    later = Volumes(tmp_path / "v", literal=False)
    assert later.all() == [made, other]
    assert later.opens(made, volumes.token(made))
    (tmp_path / "v" / "half").mkdir()
    assert not (Volumes(tmp_path / "v", literal=False).all()[0].folder.parent / "half").exists()
    later.destroy(made)
    assert later.named("data-1") is None
    assert not made.folder.exists()
    assert (tmp_path / "v").stat().st_mode & 0o777 == 0o700


def test_a_volume_s_name_is_a_word_and_nobody_else_s(tmp_path: Path) -> None:
    volumes = Volumes(tmp_path, literal=False)
    volumes.create("data")
    for name in ("data", "", "a b", "../x", "x" * 129):
        with pytest.raises(VolumeRefused):
            volumes.create(name)


def test_folders_deeper_than_a_path_can_say_are_counted_and_removed(
    volume: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume.make_folder("/deep", _NOBODY, parents=False)
    here = os.open(volume.folder / "deep", os.O_DIRECTORY)
    for _ in range(2_000):
        os.mkdir("deeper", dir_fd=here)
        here, above = os.open("deeper", os.O_DIRECTORY, dir_fd=here), here
        os.close(above)
    fd = os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=here)
    os.write(fd, bytes(20_000_000))
    os.close(fd)
    os.close(here)
    monkeypatch.setattr(contents, "QUOTA", 19_000_000)
    with pytest.raises(OSError, match="may hold"):
        volume.check_room(1)
    volume.remove("/deep")
    volume.check_room(1)
    assert volume.listing("/", 1) == []
