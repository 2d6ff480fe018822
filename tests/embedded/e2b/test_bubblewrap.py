"""The walls of a box, as arguments of bubblewrap."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.embedded.e2b import bubblewrap
from runner.embedded.e2b.view import View
from runner.errors import SandboxMissing


def _walls(tmp_path: Path, python: bubblewrap.Python, *, nested: bool = True) -> bubblewrap.Walls:
    etc = tmp_path / "etc"
    bubblewrap.prepare_etc(etc)
    return bubblewrap.Walls(Path("/usr/bin/bwrap"), nested, etc, tmp_path / "agent", tmp_path / "tools", python, View())


def _words(walls: bubblewrap.Walls) -> str:
    return " ".join(bubblewrap.build(walls, Path("/h/home"), Path("/h/tmp"), ["agent", "9"], {"A": "b"}))


def test_a_box_has_nothing_of_the_hosts_but_programs(tmp_path: Path) -> None:
    words = _words(_walls(tmp_path, bubblewrap.Python(Path("/usr/bin/python3"))))
    for wall in ("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop ALL", "--clearenv", "--as-pid-1"):
        assert wall in words
    assert "--share-net" not in words
    assert "--ro-bind /usr /usr" in words
    assert words.endswith("--setenv A b -- agent 9")
    writable = words.replace("--ro-bind", "").split("--bind ")[1:]
    assert [each.split()[:2] for each in writable] == [["/h/tmp", "/tmp"], ["/h/home", "/home/user"]]
    assert words.index("--remount-ro /") > words.index("--bind /h/home")


def test_nested_namespaces_are_refused_where_that_can_be(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    python = bubblewrap.Python(Path("/usr/bin/python3"))
    assert "--disable-userns" in _words(_walls(tmp_path / "one", python))
    assert "--disable-userns" not in _words(_walls(tmp_path / "two", python, nested=False))


def test_the_way_to_an_interpreter_cannot_be_looked_into(tmp_path: Path) -> None:
    prefix = Path("/srv/ann/versions/3")
    python = bubblewrap.Python(prefix / "bin/python3", prefix, Path("/mnt/python"))
    words = _words(_walls(tmp_path, python))
    for place in ("/srv", "/srv/ann", "/srv/ann/versions"):
        assert f"--perms 0111 --dir {place} " in words
    assert "--ro-bind /mnt/python /srv/ann/versions/3" in words


def test_the_etc_of_a_box_names_nobody_of_the_host(tmp_path: Path) -> None:
    bubblewrap.prepare_etc(tmp_path / "etc")
    passwd = (tmp_path / "etc" / "passwd").read_text()
    assert [line.split(":")[0] for line in passwd.splitlines()] == ["root", "user", "nobody"]
    assert (tmp_path / "etc" / "profile").read_text() == ""
    assert not (tmp_path / "etc" / "shadow").exists()


def test_no_bubblewrap_anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(bubblewrap.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SandboxMissing) as caught:
        bubblewrap.find()
    assert "runner[e2b]" in caught.value.hint


def test_a_program_that_does_not_run_in_a_box_says_why(tmp_path: Path) -> None:
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'no such interpreter' >&2\nexit 3\n")
    program.chmod(0o755)
    reason = bubblewrap.runs(program, bubblewrap.Python(Path("/usr/bin/python3")))
    assert reason
    with pytest.raises(SandboxMissing, match="does not let bubblewrap make a box"):
        bubblewrap.probe(program)


def test_a_path_that_everybody_can_walk_to_is_shown_as_it_is() -> None:
    view = View()
    assert view.show(Path("/usr"), "usr") == Path("/usr")
    assert view.seen(Path("/usr/bin/env")) == Path("/usr/bin/env")
