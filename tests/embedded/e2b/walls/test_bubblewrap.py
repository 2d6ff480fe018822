"""The walls of a box, as arguments of bubblewrap."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runner.embedded.e2b.walls import bubblewrap
from runner.errors import SandboxMissing

_SYSTEM = bubblewrap.Python(Path("/usr/bin/python3"))


def _room(python: bubblewrap.Python = _SYSTEM, *, ranged: bool = True, nested: bool = True) -> bubblewrap.Room:
    usr = bubblewrap.Top("/usr", (Path("/s/usr"), Path("/s/layer/usr")), Path("/s/up/usr"), Path("/s/work/usr"))
    return bubblewrap.Room(
        (usr,), Path("/s/tmp"), Path("/a"), Path("/t"), python, {"/data": Path("/v")}, ranged, nested
    )


def _words(room: bubblewrap.Room) -> str:
    return " ".join(bubblewrap.build(room, ["agent", "9"], {"A": "b"}))


def test_a_box_has_nothing_of_the_hosts_but_programs() -> None:
    words = _words(_room())
    for wall in ("ipc", "pid", "net", "uts", "cgroup-try"):
        assert f"--unshare-{wall} " in words
    for wall in ("--die-with-parent", "--new-session", "--cap-drop ALL", "--clearenv", "--as-pid-1"):
        assert wall in words
    assert "--share-net" not in words
    assert words.endswith("--setenv A b -- agent 9")
    assert "--overlay-src /s/usr --overlay-src /s/layer/usr --overlay /s/up/usr /s/work/usr /usr " in words
    writable = words.replace("--ro-bind", "").split("--bind ")[1:]
    assert [each.split()[:2] for each in writable] == [["/s/tmp", "/tmp"], ["/v", "/data"]]
    assert words.index("--remount-ro /") > words.index("--bind /v")


def test_root_of_a_box_may_little() -> None:
    words = _words(_room())
    given = {word.removeprefix("CAP_") for word in words.split() if word.startswith("CAP_")}
    assert {"CHOWN", "SETUID"} <= given
    assert not given & {"SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "NET_RAW", "SYS_RESOURCE", "MKNOD", "DAC_READ_SEARCH"}
    assert "--unshare-user" not in words


def test_a_box_of_one_user_has_no_rights_and_makes_no_namespaces_where_that_can_be_refused() -> None:
    assert "CAP_" not in _words(_room(ranged=False))
    assert "--unshare-user --uid 1000 --gid 1000 --disable-userns " in _words(_room(ranged=False))
    assert "--disable-userns" not in _words(_room(ranged=False, nested=False))


def test_without_overlays_what_lies_below_is_bound_read_only() -> None:
    tops = (bubblewrap.Top("/etc", (Path("/s/etc"),)), bubblewrap.Top("/home", (), Path("/s/home")))
    words = _words(replace(_room(), tops=tops))
    assert "--ro-bind /s/etc /etc --bind /s/home /home " in words
    assert "--overlay" not in words


def test_the_way_to_an_interpreter_cannot_be_looked_into() -> None:
    prefix = Path("/data/ann/versions/3")
    words = _words(_room(bubblewrap.Python(prefix / "bin/python3", prefix, Path("/mnt/python"))))
    for place in ("/data", "/data/ann", "/data/ann/versions"):
        assert f"--perms 0111 --dir {place} " in words
    assert "--ro-bind /mnt/python /data/ann/versions/3" in words


def test_no_bubblewrap_anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(bubblewrap.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SandboxMissing) as caught:
        bubblewrap.find()
    assert "runner[e2b]" in caught.value.hint
