"""Host files for a box: what is taken and what is left."""

from __future__ import annotations

import io
import os
import tarfile

import pytest

from runner.compiler.plan.model import FileCopy
from runner.errors import FilesWrong
from runner.run import hostfiles
from runner.run.hostfiles import pack


@pytest.fixture
def tree(tmp_path):
    for name in ("src/a.py", "src/deep/b.py", "src/.git/config", "src/node_modules/x.js", "src/c.txt", "outside.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "src" / "a.py").chmod(0o755)
    return tmp_path


def names(packed):
    with tarfile.open(fileobj=io.BytesIO(packed.tar)) as tar:
        return {member.name: member for member in tar.getmembers()}


def test_a_folder_without_what_belongs_to_this_machine(tree):
    packed = pack(tree, "src", FileCopy("src", "work"))
    found = names(packed)
    assert sorted(found) == ["a.py", "c.txt", "deep/b.py"]
    assert found["a.py"].mode == 0o755
    assert (packed.folder, packed.files) == ("work", 3)
    assert packed.tar == pack(tree, "./src/", FileCopy("src", "work")).tar


def test_include_and_exclude(tree):
    assert sorted(names(pack(tree, "src", FileCopy("", "w", include=("**/*.py",))))) == ["a.py", "deep/b.py"]
    assert sorted(names(pack(tree, "src", FileCopy("", "w", exclude=("deep", "*.txt"))))) == ["a.py"]
    taken = pack(tree, "src", FileCopy("", "w", include=("node_modules/**", "a.py")))
    assert sorted(names(taken)) == ["a.py", "node_modules/x.js"]


@pytest.mark.parametrize(
    ("target", "folder", "name"), [("a/b.txt", "a", "b.txt"), ("b.txt", ".", "b.txt"), ("a/", "a/", "outside.txt")]
)
def test_a_single_file(tree, target, folder, name):
    packed = pack(tree, "outside.txt", FileCopy("", target))
    assert packed.folder == folder
    assert list(names(packed)) == [name]


def test_a_link_that_is_named_itself_brings_the_file(tree):
    (tree / "latest").symlink_to("outside.txt")
    (found,) = names(pack(tree, "latest", FileCopy("", "in/"))).values()
    assert (found.name, found.isfile(), found.size) == ("latest", True, len("outside.txt"))


def test_a_tree_that_is_too_large_is_refused_before_it_is_read(tree, monkeypatch):
    monkeypatch.setattr(hostfiles, "MAX_BYTES", 20)
    with pytest.raises(FilesWrong, match=r"files: 3 files hold \d+ bytes, allowed are 20") as caught:
        pack(tree, "src", FileCopy("", "w"))
    assert "exclude" in caught.value.hint


def test_links_are_kept_only_when_they_point_inside(tree):
    (tree / "src" / "inside").symlink_to("deep/b.py")
    (tree / "src" / "folder").symlink_to("deep")
    (tree / "src" / "escape").symlink_to("../outside.txt")
    (tree / "src" / "absolute").symlink_to("/etc/passwd")
    (tree / "src" / "hidden").symlink_to("folder/../../outside.txt")
    packed = pack(tree, "src", FileCopy("", "w"))
    found = names(packed)
    assert found["inside"].linkname == "deep/b.py"
    assert found["folder"].issym()
    assert sorted(packed.left_out) == ["absolute", "escape", "hidden"]


def test_other_kinds_of_files_are_left_alone(tree):
    os.mkfifo(tree / "src" / "pipe")
    assert "pipe" not in names(pack(tree, "src", FileCopy("", "w")))


def test_what_is_missing_is_told(tree):
    with pytest.raises(FilesWrong, match=r"does not exist .from: nowhere"):
        pack(tree, "nowhere", FileCopy("nowhere", "w"))
    with pytest.raises(FilesWrong, match=r"nothing in .* matches"):
        pack(tree, "src", FileCopy("src", "w", include=("*.rs",)))


def test_what_cannot_be_read_is_told(tree, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(FilesWrong, match="cannot be read: Permission denied"):
        pack(tree, "src", FileCopy("src", "w"))


def test_a_folder_that_cannot_be_listed_is_told(tree, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(FilesWrong, match="Permission denied"):
        pack(tree, "src", FileCopy("src", "w"))
