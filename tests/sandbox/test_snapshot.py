from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from runner.errors import FileExists, RequestRefused
from runner.sandbox import snapshot
from runner.sandbox.conformance import hostile_tars


def names(tar: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return archive.getnames()


def grow(folder: Path, order: list[str]) -> Path:
    for name in order:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    for path in [*folder.rglob("*"), folder]:
        os.utime(path, (1_600_000_000.75, 1_600_000_000.75))
    return folder


def test_the_same_files_give_the_same_bytes_in_whatever_order_they_came(tmp_path: Path) -> None:
    files = ["b", "a/z", "a/b/c", "ä", "Z"]
    one, two = grow(tmp_path / "one", files), grow(tmp_path / "two", files[::-1])
    assert snapshot.pack(one) == snapshot.pack(two)
    assert names(snapshot.pack(one)) == ["Z", "a", "a/b", "a/b/c", "a/z", "b", "ä"]


def test_an_archive_by_any_tar_becomes_the_normal_form(tmp_path: Path) -> None:
    folder = grow(tmp_path / "tree", ["b", "a/c", "old.tar"])
    (folder / "link").symlink_to("b")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folder.rglob("*"), reverse=True):
            archive.add(path, f"./{path.relative_to(folder)}", recursive=False)
    (folder / "old.tar").unlink()
    grow(folder, [])
    assert snapshot.normalise(buffer.getvalue(), drop="old.tar") == snapshot.pack(folder)
    assert snapshot.normalise(snapshot.pack(folder)) == snapshot.pack(folder)


def test_hard_links_become_files_and_devices_stay_out(tmp_path: Path) -> None:
    (tmp_path / "z").write_text("data")
    os.link(tmp_path / "z", tmp_path / "a")
    os.mkfifo(tmp_path / "pipe")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(tmp_path, ".")
    snapshot.unpack(snapshot.normalise(buffer.getvalue()), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a", "z"]
    assert (tmp_path / "out/a").read_text() == (tmp_path / "out/z").read_text() == "data"


def test_modes_links_and_times_survive(tmp_path: Path) -> None:
    folder = grow(tmp_path / "tree", ["run", "private"])
    (folder / "run").chmod(0o4755)
    (folder / "private").chmod(0o600)
    (folder / "shut").mkdir(mode=0o500)
    (folder / "absolute").symlink_to("/usr/bin/env")
    snapshot.unpack(snapshot.pack(folder), tmp_path / "out")
    out = tmp_path / "out"
    assert (out / "run").stat().st_mode & 0o7777 == 0o755, "no setuid bit comes back"
    assert (out / "private").stat().st_mode & 0o7777 == 0o600
    assert (out / "shut").stat().st_mode & 0o7777 == 0o500
    assert (out / "absolute").readlink() == Path("/usr/bin/env")
    assert (out / "run").stat().st_mtime == 1_600_000_000


@pytest.mark.parametrize("name", hostile_tars())
def test_a_hostile_archive_is_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    target = tmp_path / "in" / "target"
    with pytest.raises(RequestRefused):
        snapshot.unpack(hostile_tars()[name], target)
    assert [path for path in tmp_path.rglob("*") if path not in (target, target.parent)] == []


def _member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_a_hard_link_does_not_move_a_symbolic_one_to_where_it_leads_outside(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(_member("a/link", tarfile.SYMTYPE, "../inside"))
        archive.addfile(_member("door", tarfile.LNKTYPE, "a/link"))
        archive.addfile(_member("door/file", tarfile.REGTYPE))
    with pytest.raises(RequestRefused, match="hard link to a symbolic link"):
        snapshot.unpack(buffer.getvalue(), tmp_path / "target")
    assert list(tmp_path.rglob("file")) == []


def test_archives_are_judged_the_same_where_python_has_no_filters(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Debian 12 has Python 3.11.2; filters came with 3.11.4."""
    for name in ("data_filter", "tar_filter", "fully_trusted_filter", "FilterError"):
        monkeypatch.delattr(tarfile, name, raising=False)
    for name, tar in hostile_tars().items():
        with pytest.raises(RequestRefused):
            snapshot.unpack(tar, tmp_path / name / "target")
    snapshot.unpack(snapshot.pack(grow(tmp_path / "tree", ["a/b"])), tmp_path / "out")
    assert (tmp_path / "out/a/b").read_text() == "a/b"


def test_a_link_that_is_there_already_leads_nowhere_outside(tmp_path: Path) -> None:
    target, outside = tmp_path / "target", tmp_path / "outside"
    target.mkdir()
    outside.mkdir()
    (target / "door").symlink_to(outside)
    with pytest.raises(RequestRefused):
        snapshot.unpack(snapshot.pack(grow(tmp_path / "tree", ["door/file"])), target)
    assert list(outside.iterdir()) == []


def test_links_inside_the_archive_are_fine(tmp_path: Path) -> None:
    folder = grow(tmp_path / "tree", ["lib/real"])
    (folder / "lib64").symlink_to("lib")
    (folder / "lib/up").symlink_to("../lib64/real")
    (folder / "loop").symlink_to("loop")
    snapshot.unpack(snapshot.pack(folder), tmp_path / "out")
    assert (tmp_path / "out/lib/up").read_text() == "lib/real"


def test_a_folder_in_the_way_of_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "out/name").mkdir(parents=True)
    with pytest.raises(FileExists):
        snapshot.unpack(snapshot.pack(grow(tmp_path / "tree", ["name"])), tmp_path / "out")


@pytest.mark.parametrize("cut", [1, 300, 700])
def test_a_cut_archive_is_refused_or_whole(cut: int, tmp_path: Path) -> None:
    tar = snapshot.pack(grow(tmp_path / "tree", ["file"]))
    with pytest.raises(RequestRefused):
        snapshot.normalise(tar[:cut])
