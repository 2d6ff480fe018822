"""Which specs are meant; whatever else a path leads to gives a sentence, soon."""

from __future__ import annotations

import io
import os
import socket
from pathlib import Path

import pytest

from runner.compiler.diagnostic import Diagnostic
from runner.errors import UsageError
from runner.project.files import STDIN, Source, sources
from runner.project.settings import Projects

GOOD = "spec: 1\nname: demo\nsteps: {a: {run: echo}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, text: str = GOOD) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def found(*names: str, config: str = "") -> list[Source]:
    if config:
        Path("runner.toml").write_text(config)
    return sources(names, Projects(), io.BytesIO(GOOD.encode()))


def paths(*names: str, config: str = "") -> list[str]:
    return [one.path for one in found(*names, config=config)]


def said(name: str) -> str:
    (one,) = found(name)
    assert isinstance(one.data, Diagnostic), one
    assert one.data.span.path == one.path
    return f"{one.data.code}: {one.data.message}"


def test_a_folder_by_name_then_its_folders(folder: Path) -> None:
    for name in ("z.yaml", "a.yml", "c/d/e.yaml", "b/x.yaml", ".git/x.yaml", "venv/x.yaml", "x.txt", "b/.y.yaml"):
        write(folder / "s" / name)
    write(folder / "s" / "other.yaml", "a: b\n")
    assert paths("s") == ["s/a.yml", "s/z.yaml", "s/b/x.yaml", "s/c/d/e.yaml"]
    assert paths("s/") == paths("s")
    assert paths("./s") == paths("s")
    assert paths("s/c", "s", "s/z.yaml")[0] == "s/c/d/e.yaml"


def test_without_names_the_folder_specs_or_the_specs_here(folder: Path) -> None:
    write(folder / "b.yaml")
    write(folder / "deep" / "c.yaml")
    assert paths() == ["b.yaml"]
    write(folder / "specs" / "a.yaml")
    assert paths() == ["specs/a.yaml"]


def test_patterns_that_no_shell_expanded(folder: Path) -> None:
    for name in ("s/a.yaml", "s/t/b.yaml", "c.yaml", "[d].yaml"):
        write(folder / name)
    assert paths("s/**/*.yaml") == ["s/a.yaml", "s/t/b.yaml"]
    assert paths("?.yaml") == ["c.yaml"]
    assert paths("[d].yaml") == ["[d].yaml"]
    with pytest.raises(UsageError, match=r"no file or folder x\*"):
        paths("x*")


def test_settings_include_and_exclude(folder: Path) -> None:
    for name in ("s/a.yaml", "s/a.tmp.yaml", "s/drafts/b.yaml", "s/c.workflow", "s/t/drafts/x.yaml"):
        write(folder / name)
    exclude = '[files]\nexclude = ["drafts/", "*.tmp.yaml"]\n'
    assert paths("s", config=exclude) == ["s/a.yaml"]
    assert paths("s/drafts/b.yaml") == ["s/drafts/b.yaml"], "what is named is meant"
    assert paths("s", config='[files]\ninclude = ["*.workflow"]\n') == ["s/c.workflow"]


def test_standard_input(folder: Path) -> None:
    assert found("-") == [Source(STDIN, GOOD.encode())]
    assert sources(["-"], Projects(), None) == [Source(STDIN, b"")]
    (one,) = sources(["-"], Projects(), io.BytesIO(b"x" * 2_000_000))
    assert isinstance(one.data, Diagnostic)
    assert "more than 1,048,576 bytes" in one.data.message


@pytest.mark.parametrize("name", ["", "absent.yaml", "empty", "dangling.yaml"])
def test_names_that_lead_to_nothing(folder: Path, name: str) -> None:
    (folder / "empty").mkdir()
    (folder / "dangling.yaml").symlink_to("absent")
    with pytest.raises(UsageError) as caught:
        found(name)
    assert caught.value.hint


def test_what_is_no_regular_file_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.yaml")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.yaml")
        assert said("pipe.yaml") == "unreadable-file: the file cannot be read: it is a pipe"
        assert said("socket.yaml") == "unreadable-file: the file cannot be read: it is a socket"
        assert said("/dev/null") == "unreadable-file: the file cannot be read: it is a device"
        write(folder / "a.yaml")
        assert paths(".") == ["a.yaml"], "in a folder they are no specs"


def test_links(folder: Path) -> None:
    write(folder / "s" / "a.yaml")
    (folder / "s" / "b.yaml").symlink_to("a.yaml")
    (folder / "s" / "loop").symlink_to("..")
    (folder / "s" / "self").symlink_to(".")
    (folder / "s" / "c.yaml").symlink_to("c.yaml")
    (folder / "s" / "dangling.yaml").symlink_to("absent")
    assert paths("s") == ["s/a.yaml", "s/b.yaml"]
    assert paths("s/loop/s/self") == ["s/loop/s/self/a.yaml", "s/loop/s/self/b.yaml"]
    assert "too many levels of symbolic links" in said("s/c.yaml")


def test_a_large_file_is_not_read(folder: Path) -> None:
    with (folder / "a.yaml").open("wb") as file:
        file.write(GOOD.encode())
        file.truncate(100 * 2**20)
    assert said("a.yaml") == "too-large: the file has 104,857,600 bytes; a spec may have 1,048,576"
    assert paths(".") == ["a.yaml"]
    with (folder / "data.yaml").open("wb") as file:
        file.truncate(100 * 2**20)
    assert paths(".") == ["a.yaml"], "it does not begin as a spec"


def test_files_that_are_larger_than_they_say(folder: Path) -> None:
    (one,) = found("/proc/self/status")
    assert isinstance(one.data, bytes)
    assert one.data.startswith(b"Name:")


def test_a_file_that_grows_while_it_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "a.yaml", "#" * 3_000_000)
    really = os.fstat

    class Small:
        st_size = 10

        def __init__(self, handle: int) -> None:
            self.st_mode = really(handle).st_mode

    monkeypatch.setattr("runner.project.files.os.fstat", Small)
    assert "more than 1,048,576 bytes" in said("a.yaml")


def test_names_that_are_no_unicode(folder: Path) -> None:
    name = os.fsdecode(b"\xff.yaml")
    try:
        write(folder / "s" / name)
    except OSError:
        assert os.uname().sysname == "Darwin"
        return
    assert paths("s") == [f"s/{name}"]


def test_rights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "a.yaml")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("runner.project.files.os.open", refuse)
    assert said("a.yaml") == "unreadable-file: the file cannot be read: permission denied"
    assert said(".") == "unreadable-file: the file cannot be read: permission denied"
    monkeypatch.setattr("runner.project.files.os.scandir", refuse)
    assert said(".") == "unreadable-file: the folder cannot be searched: permission denied"
    (one,) = found()
    assert isinstance(one.data, Diagnostic)
    assert one.path == "."
