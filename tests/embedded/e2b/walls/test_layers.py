"""What a box's files are made of."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from runner.embedded.e2b.walls import layers
from runner.errors import SandboxMissing


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "base"
    inner = [Path("/opt/runner/lib"), Path("/root/python/3"), Path("/data/python")]
    layers.prepare(folder, owns=False, inner=inner)
    return folder


def test_the_etc_of_a_box_names_nobody_of_the_host(base: Path) -> None:
    users = {line.split(":")[0]: line.split(":") for line in (base / "etc/passwd").read_text().splitlines()}
    assert users["user"][2:6] == ["1000", "1000", "user", "/home/user"]
    assert users["root"][2:6] == ["0", "0", "root", "/root"]
    assert [name for name, entry in users.items() if 1000 <= int(entry[2]) < 65534] == ["user"]
    assert "sudo:x:27:user\n" in (base / "etc/group").read_text()
    assert all(line.split(":")[1] == "*" for line in (base / "etc/shadow").read_text().splitlines())
    assert (base / "etc/shadow").stat().st_mode & 0o777 == 0o640
    assert (base / "etc/resolv.conf").read_text() == ""
    assert os.uname().nodename not in (base / "etc/hosts").read_text().split()


def test_nothing_private_of_the_hosts_etc_is_in_it(base: Path) -> None:
    private = {"ssl/private", "apt/auth.conf", "apt/auth.conf.d", "ssh", "machine-id", "sudoers", "environment.d"}
    assert not [name for name in private if (base / "etc" / name).exists()]


def test_credentials_of_package_sources_stay_outside(tmp_path: Path) -> None:
    sources = tmp_path / "apt" / "sources.list.d"
    sources.mkdir(parents=True)
    (sources / "a.list").write_text("deb https://ann:secret@host.example/debian stable main\n")
    (sources / "b.list").write_text("deb http://host.example/debian stable main # ann@host.example\n")
    (sources / "private.list").write_text("deb https://other.example x y\n")
    (sources / "private.list").chmod(0o600)
    layers._hide(tmp_path)
    assert (sources / "a.list").read_text() == "deb https://host.example/debian stable main\n"
    assert (sources / "b.list").read_text().endswith("# ann@host.example\n")
    assert not (sources / "private.list").exists()


def test_places_for_mounts_can_be_walked_to_and_not_looked_into(base: Path) -> None:
    for place in ("opt/runner", "root/python", "slash/data"):
        assert (base / place).stat().st_mode & 0o777 == 0o711
    for place in ("opt/runner/lib", "root/python/3", "slash/data/python"):
        assert (base / place).is_dir()
    assert (base / "root").stat().st_mode & 0o001
    assert not (base / "data").exists()


def test_what_lies_below(base: Path, tmp_path: Path) -> None:
    (tmp_path / "one" / "usr").mkdir(parents=True)
    (tmp_path / "two" / "home").mkdir(parents=True)
    both = [tmp_path / "one", tmp_path / "two"]
    assert layers.lower("usr", base, both) == [Path("/usr"), tmp_path / "one" / "usr"]
    assert layers.lower("home", base, both) == [base / "home", tmp_path / "two" / "home"]
    assert layers.lower("python", base, both) == []


def test_what_the_hosts_people_have_closed_is_concealed(tmp_path: Path) -> None:
    source, target = tmp_path / "local", tmp_path / "layer" / "usr" / "local"
    (tmp_path / "layer" / "usr").mkdir(parents=True)
    for name in ("etc/open", "etc/keys/key", "bin/program", "a/b/c/d/e/deep"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    (source / "etc").chmod(0o775)
    (source / "etc" / "keys").chmod(0o750)
    (source / "bin" / "closed").touch(mode=0o600)
    (source / "bin" / "link").symlink_to("/nowhere")
    layers.conceal(source, target, depth=3)
    made = {str(each.relative_to(target)): each.lstat().st_mode for each in target.rglob("*")}
    assert set(made) == {"etc", "etc/keys", "bin", "bin/closed"}
    assert all(stat.S_ISCHR(made[name]) for name in ("etc/keys", "bin/closed"))
    assert made["etc"] & 0o777 == 0o775


def test_a_copy_is_whole(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "d").mkdir(parents=True)
    (source / "d").chmod(0o1770)
    (source / "file").write_text("x")
    os.utime(source / "file", (1, 1))
    (source / "same").hardlink_to(source / "file")
    (source / "link").symlink_to("/nowhere")
    os.setxattr(source / "d", "user.overlay.opaque", b"y")
    with (source / "hole").open("wb") as file:
        file.truncate(10**9)
    layers.copy(source, tmp_path / "copy")
    copied = tmp_path / "copy"
    assert (copied / "d").stat().st_mode & 0o7777 == 0o1770
    assert os.getxattr(copied / "d", "user.overlay.opaque") == b"y"
    assert (copied / "file").stat().st_mtime == 1
    assert (copied / "same").samefile(copied / "file")
    assert (copied / "link").readlink() == Path("/nowhere")
    assert (copied / "hole").stat().st_blocks == 0


def test_a_copy_that_cannot_be_says_why(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        layers.copy(tmp_path / "nothing", tmp_path / "copy")


def test_a_base_that_cannot_be_made_says_where_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(folder: Path) -> None:
        raise OSError(28, os.strerror(28), str(folder))

    monkeypatch.setattr(layers, "_etc", full)
    with pytest.raises(SandboxMissing, match="No space left") as caught:
        layers.prepare(tmp_path / "base", owns=False, inner=[])
    assert "--folder" in caught.value.hint


def test_a_link_on_a_way_is_found_where_it_is_what_a_box_sees(tmp_path: Path) -> None:
    low, high = tmp_path / "low", tmp_path / "high"
    for folder in (low / "data/real", high / "data", low / "hidden"):
        folder.mkdir(parents=True)
    (low / "data/link").symlink_to("/etc")
    (low / "link").symlink_to("/etc")
    (high / "link").mkdir()
    (high / "hidden").symlink_to("data")
    found = {way: layers.link_on_way([low, high], way.split("/")) for way in (
        "data/real/new", "data/link/new", "link/new", "hidden/new", "new/real",
    )}  # fmt: skip
    assert found == {
        "data/real/new": False, "data/link/new": True, "link/new": False, "hidden/new": True, "new/real": False,
    }  # fmt: skip
