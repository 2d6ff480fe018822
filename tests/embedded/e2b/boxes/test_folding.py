"""Folding layers: over the one that comes of it a box sees what it would see over all of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.embedded.e2b.boxes.folding import fold


def _write(layer: Path, **files: str) -> None:
    for name, text in files.items():
        place = layer / name.replace("__", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def _seen(folder: Path) -> dict[str, str]:
    files = (each for each in folder.rglob("*") if each.is_file() and not each.is_symlink())
    return {str(each.relative_to(folder)): each.read_text() for each in files}


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Path, Path, Path]:
    made = (tmp_path / "one", tmp_path / "two", tmp_path / "three")
    for each in made:
        each.mkdir()
    return made


def test_the_upper_one_counts_and_the_lower_ones_stay_as_they_were(
    layers: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    one, two, three = layers
    _write(one, home__a="1", home__b="1", home__d__x="1", etc__e="1")
    _write(two, home__a="2", home__d__y="2")
    _write(three, home__d__y="3", opt__o="3")
    (two / "home" / "d").chmod(0o750)
    (three / "home" / "d").chmod(0o700)
    fold(layers, tmp_path / "folded", ("tmp",))
    wanted = {"home/a": "2", "home/b": "1", "home/d/x": "1", "home/d/y": "3", "etc/e": "1", "opt/o": "3"}
    assert _seen(tmp_path / "folded") == wanted
    assert stat.S_IMODE((tmp_path / "folded" / "home" / "d").stat().st_mode) == 0o700
    assert _seen(one) == {"home/a": "1", "home/b": "1", "home/d/x": "1", "etc/e": "1"}
    assert stat.S_IMODE((two / "home" / "d").stat().st_mode) == 0o750


def test_files_become_folders_and_links_and_the_other_way_round(
    layers: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    one, two, three = layers
    outside = tmp_path / "outside"
    _write(outside, f="untouched")
    _write(one, home__file="1", home__folder__f="1")
    (one / "home" / "link").symlink_to(outside)
    _write(two, home__file__f="2", home__folder="2", home__link__f="2")
    fold((one, two), tmp_path / "folded", ())
    assert _seen(tmp_path / "folded") == {"home/file/f": "2", "home/folder": "2", "home/link/f": "2"}
    (three / "home").mkdir()
    (three / "home" / "file").symlink_to(outside)
    fold((one, two, three), tmp_path / "again", ())
    assert (tmp_path / "again" / "home" / "file").is_symlink()
    assert _seen(outside) == {"f": "untouched"}


def test_a_folder_that_hides_what_is_below_goes_on_hiding(layers: tuple[Path, Path, Path], tmp_path: Path) -> None:
    one, two, three = layers
    _write(one, home__d__old="1")
    _write(two, home__d__new="2")
    os.setxattr(two / "home" / "d", "user.overlay.opaque", b"y")
    _write(three, home__d__newer="3")
    fold(layers, tmp_path / "folded", ())
    assert _seen(tmp_path / "folded") == {"home/d/new": "2", "home/d/newer": "3"}
    assert os.getxattr(tmp_path / "folded" / "home" / "d", "user.overlay.opaque") == b"y", "for what lies lower still"


def test_what_is_gone_stays_gone(
    layers: tuple[Path, Path, Path], tmp_path: Path, missing: Callable[[str], None]
) -> None:
    one, two, three = layers
    _write(one, home__f="1", home__d__f="1")
    (two / "home").mkdir()
    try:
        for name in ("f", "d"):
            os.mknod(two / "home" / name, stat.S_IFCHR, os.makedev(0, 0))
    except PermissionError:
        missing("only root may make the device that says that a file is gone")
    _write(three, home__f="3")
    fold(layers, tmp_path / "folded", ())
    assert _seen(tmp_path / "folded") == {"home/f": "3"}
    assert (tmp_path / "folded" / "home" / "d").lstat().st_rdev == 0
    assert stat.S_ISCHR((tmp_path / "folded" / "home" / "d").lstat().st_mode)


def test_of_what_is_whole_in_a_layer_nothing_older_is_left(layers: tuple[Path, Path, Path], tmp_path: Path) -> None:
    one, two, three = layers
    _write(one, tmp__old="1", home__a="1")
    _write(two, tmp__new="2")
    _write(three, home__b="3")
    fold(layers, tmp_path / "folded", ("tmp",))
    assert _seen(tmp_path / "folded") == {"tmp/new": "2", "home/a": "1", "home/b": "3"}
    assert (tmp_path / "folded" / "tmp" / "new").samefile(two / "tmp" / "new"), "no file is copied"
