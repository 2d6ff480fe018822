"""Watches: each event of the kernel once, with the path that the file has now."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runner.embedded.e2b.box.inotify import Watch

Open = Callable[..., Watch]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Open]:
    """Watch a folder below the test's own; closed afterwards."""
    opened: list[Watch] = []

    def start(folder: str = "w", *, recursive: bool = True) -> Watch:
        (tmp_path / folder).mkdir(exist_ok=True)
        opened.append(Watch(str(tmp_path / folder), recursive=recursive))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def _told(watch: Watch) -> list[str]:
    found: list[str] = []
    while batch := [f"{event.kind} {os.path.relpath(event.path, watch.root)}" for event in watch.events()]:
        found += batch
    return found


def test_a_plain_watch_sees_its_own_folder_only(watch: Open, tmp_path: Path) -> None:
    (tmp_path / "w" / "sub").mkdir(parents=True)
    plain = watch(recursive=False)
    (tmp_path / "w" / "sub" / "deep").touch()
    (tmp_path / "w" / "f").write_text("x")
    (tmp_path / "w" / "f").chmod(0o600)
    (tmp_path / "w" / "f").rename(tmp_path / "w" / "g")
    (tmp_path / "w" / "g").rename(tmp_path / "g")
    (tmp_path / "g").rename(tmp_path / "w" / "h")
    (tmp_path / "w" / "h").unlink()
    assert _told(plain) == [
        "CREATE f", "WRITE f", "CHMOD f", "RENAME f", "CREATE g", "RENAME g", "CREATE h", "REMOVE h",
    ]  # fmt: skip


def test_a_file_made_again_in_a_new_folder_is_told_again(watch: Open, tmp_path: Path) -> None:
    deep = watch()
    folder = tmp_path / "w" / "new"
    folder.mkdir()
    (folder / "f").write_text("x")
    assert _told(deep) == ["CREATE new", "CREATE new/f", "WRITE new/f"]
    (folder / "f").unlink()
    (folder / "f").touch()
    told = _told(deep)
    assert [each for each in told if "CHMOD" not in each] == ["REMOVE new/f", "CREATE new/f"]


def test_a_folder_that_comes_from_outside_brings_its_files_unwritten(watch: Open, tmp_path: Path) -> None:
    deep = watch()
    (tmp_path / "out" / "a").mkdir(parents=True)
    (tmp_path / "out" / "a" / "f").write_text("x")
    (tmp_path / "out").rename(tmp_path / "w" / "in")
    assert _told(deep) == ["CREATE in", "CREATE in/a", "CREATE in/a/f"]
    with (tmp_path / "w" / "in" / "a" / "f").open("a") as file:
        file.write("more")
    assert _told(deep) == ["WRITE in/a/f"]


def test_a_folder_that_leaves_is_watched_no_longer(watch: Open, tmp_path: Path) -> None:
    (tmp_path / "w" / "a" / "b").mkdir(parents=True)
    deep = watch()
    (tmp_path / "w" / "a").rename(tmp_path / "gone")
    assert _told(deep) == ["RENAME a"]
    assert not deep.unsettled
    (tmp_path / "gone" / "b" / "f").touch()
    assert _told(deep) == []


def test_the_watched_folder_itself(watch: Open, tmp_path: Path) -> None:
    deep = watch()
    (tmp_path / "w").chmod(0o700)
    (tmp_path / "w").rmdir()
    assert _told(deep) == ["CHMOD .", "REMOVE ."]
    moved = watch("w2")
    (tmp_path / "w2").rename(tmp_path / "w3")
    (tmp_path / "w3" / "f").touch()
    assert _told(moved) == ["RENAME ."]


def test_links_to_folders_are_not_followed(watch: Open, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    deep = watch()
    (tmp_path / "w" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "f").touch()
    assert _told(deep) == ["CREATE link"]


def test_names_that_are_no_text(watch: Open, tmp_path: Path) -> None:
    deep = watch()
    (tmp_path / "w" / "\udcff").mkdir()
    (tmp_path / "w" / "\udcff" / "\udcfe").write_text("")
    assert _told(deep) == ["CREATE \udcff", "CREATE \udcff/\udcfe"]


def test_what_is_no_folder_cannot_be_watched(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(NotADirectoryError):
        Watch(str(tmp_path / "f"), recursive=True)
    with pytest.raises(FileNotFoundError):
        Watch(str(tmp_path / "none"), recursive=False)


@pytest.mark.parametrize("seed", range(8))
def test_who_follows_the_events_knows_the_tree(watch: Open, tmp_path: Path, seed: int) -> None:
    """Whatever is made and removed between two looks; and nothing is told twice."""
    chance, deep, known = random.Random(seed), watch(), set[str]()
    for step in range(120):
        _change(chance, tmp_path / "w", step)
        if chance.random() < 0.3:
            _follow(known, deep)
    _follow(known, deep)
    assert known == {str(each.relative_to(tmp_path / "w")) for each in (tmp_path / "w").rglob("*")}


@pytest.mark.parametrize("seed", range(8))
def test_after_any_moves_every_folder_is_watched_by_its_name(watch: Open, tmp_path: Path, seed: int) -> None:
    chance, deep, root = random.Random(seed), watch(), tmp_path / "w"
    (tmp_path / "outside").mkdir()
    for step in range(200):
        _change(chance, root, step)
        _move(chance, root, tmp_path / "outside", step)
        if chance.random() < 0.2:
            _told(deep)
    _told(deep)
    folders = [root, *(each for each in root.rglob("*") if each.is_dir())]
    for folder in (*folders, *(each for each in (tmp_path / "outside").rglob("*") if each.is_dir())):
        (folder / "probe").mkdir()
    assert sorted(_told(deep)) == sorted(f"CREATE {(each / 'probe').relative_to(root)}" for each in folders)


def _change(chance: random.Random, root: Path, step: int) -> None:
    place = chance.choice([root, *(each for each in root.rglob("*") if each.is_dir())])
    if chance.random() < 0.3:
        (place / f"d{step}" / "deep").mkdir(parents=True)
        (place / f"d{step}" / "deep" / "f").write_text("x")
    elif chance.random() < 0.6:
        (place / f"f{step}").touch()
    elif place != root:
        shutil.rmtree(place)


def _move(chance: random.Random, root: Path, outside: Path, step: int) -> None:
    folders = [each for each in root.rglob("*") if each.is_dir()]
    if not folders:
        return
    place = chance.choice(folders)
    others = [root, *(each for each in folders if each != place and place not in each.parents)]
    place.rename(chance.choice([*others, outside]) / f"m{step}")
    returned = [each for each in outside.iterdir() if chance.random() < 0.2]
    for each in returned:
        each.rename(root / f"r{step}-{each.name}")


def _follow(known: set[str], watch: Watch) -> None:
    for each in _told(watch):
        kind, _, name = each.partition(" ")
        if kind == "CREATE":
            assert name not in known, f"{name} is told twice"
            known.add(name)
        elif kind == "REMOVE":
            known -= {each for each in known if each == name or each.startswith(name + "/")}
