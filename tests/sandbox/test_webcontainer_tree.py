"""Files as the client takes and gives them, and as tar: nothing is lost on the way there and back."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from runner.errors import RequestRefused
from runner.sandbox import snapshot, webcontainer_tree


def rows(entries):
    return {each.path: (each.kind, each.mode, each.mtime) for each in entries}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tool").write_bytes(b"#!/bin/sh\n\xff\x00")
    (tmp_path / "bin" / "tool").chmod(0o755)
    (tmp_path / "empty").mkdir(mode=0o700)
    (tmp_path / "grüße \n").write_text("ä€")
    (tmp_path / "link").symlink_to("bin/tool")
    return tmp_path


def test_a_tar_comes_back_as_the_same_bytes(folder: Path) -> None:
    tar = snapshot.pack(folder)
    tree, entries = webcontainer_tree.from_tar(tar)
    again = webcontainer_tree.unpacked(webcontainer_tree.packed(tree))
    assert webcontainer_tree.to_tar(again, entries, {"link": "bin/tool"}) == tar


def test_what_a_tree_does_not_say_is_told_beside_it(folder: Path) -> None:
    _, entries = webcontainer_tree.from_tar(snapshot.pack(folder))
    found = rows(entries)
    assert found["bin/tool"][:2] == ("f", 0o755)
    assert found["empty"][:2] == ("d", 0o700)
    assert found["link"][0] == "l"


def test_hard_links_become_files_and_a_file_above_another_gives_way() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind in (("one", tarfile.REGTYPE), ("two", tarfile.LNKTYPE), ("./deep/er", tarfile.REGTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, "one", 2 if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(b"hi"))
    tree, entries = webcontainer_tree.from_tar(buffer.getvalue())
    assert tree["d"]["two"] == {"f": {"c": b"hi"}}
    assert tree["d"]["deep"]["d"]["er"] == {"f": {"c": b"hi"}}
    assert {each.kind for each in entries} == {"f"}


def test_a_file_that_had_gone_by_the_time_of_the_export_is_left_out() -> None:
    entries = [webcontainer_tree.Entry("gone/file", "f", 0o644, 0), webcontainer_tree.Entry("here", "f", 0o644, 0)]
    tar = webcontainer_tree.to_tar({"d": {"here": {"f": {"c": "text"}}}}, entries, {})
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        assert archive.getnames() == ["here"]


@pytest.mark.parametrize(
    ("content", "data"), [("ä", "ä".encode()), (b"\xff", b"\xff"), ("", b"")], ids=["text", "bytes", "nothing"]
)
def test_contents_are_bytes_whatever_the_client_says_them_in(content: object, data: bytes) -> None:
    tree = webcontainer_tree.below("a/./b", {"d": {"f": {"f": {"c": content}}}})
    tar = webcontainer_tree.to_tar(tree, [webcontainer_tree.Entry("a/b/f", "f", 0o644, 0)], {})
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        file = archive.extractfile("a/b/f")
        assert file is not None
        assert file.read() == data


@pytest.mark.parametrize("data", [b"", b"\xc1", b"{}", b"\x80", webcontainer_tree.packed({"f": 1})])
def test_what_is_no_tree_is_refused(data: bytes) -> None:
    with pytest.raises(RequestRefused, match="export"):
        webcontainer_tree.unpacked(data)


def test_a_file_is_put_below_the_folders_of_its_path() -> None:
    assert webcontainer_tree.file_at("a/b", b"x") == {"d": {"a": {"d": {"b": {"f": {"c": b"x"}}}}}}
