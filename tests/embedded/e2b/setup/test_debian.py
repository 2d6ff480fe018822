"""apt and dpkg as they are used for layers, played by small programs: what goes wrong is told with what to do."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from runner.embedded.e2b.setup.debian import Debian
from runner.errors import ServiceError

_APT = """#!/bin/sh
echo "$@" >> {log}
case "$1" in
    update) {update} ;;
    download)
        shift
        case "$1" in
            --print-uris) shift; for name; do echo "'http://x/x' ${{name}}_1%3a2_all.deb 5 SHA256:{digest}"; done ;;
            *) for name; do test -e "${{name}}_1%3a2_all.deb" || printf {content} > "${{name}}_1%3a2_all.deb"; done ;;
        esac ;;
    *) case "$*" in
        *Dir::State::status=*) for each in a libc6; do echo "'http://x/a' ${{each}}_1.deb 5 SHA256:{digest}"; done ;;
        *) {install} ;;
    esac ;;
esac
"""
_DIGEST = hashlib.sha256(b"whole").hexdigest()
_DPKG = """#!/bin/sh
mkdir -p "$3/lib/x" "$3/usr/lib/x"
echo moved > "$3/lib/x/from-lib"
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Make the programs; gives the log of what apt-get was called with."""

    def make(
        update: str = "true",
        install: str = f"echo \"'http://x/a_1.deb' a_1.deb 5 SHA256:{_DIGEST}\"",
        content: str = "whole",
    ) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        log = tmp_path / "log"
        config = (
            "#!/bin/sh\necho 'Acquire::http::Proxy \"http://127.0.0.1:1\";'\necho 'DPkg::Post-Invoke:: \"rm -rf /\";'\n"
        )
        texts = {
            "apt-get": _APT.format(log=log, update=update, install=install, digest=_DIGEST, content=content),
            "dpkg-deb": _DPKG,
            "apt-config": config,
        }
        for name, text in texts.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        return log

    return make


def _silent(_line: str) -> None:
    pass


def test_the_hosts_own_state_and_hooks_are_left_alone(programs, tmp_path):
    programs()
    Debian(tmp_path / "work", _silent)
    config = (tmp_path / "work" / "apt.conf").read_text()
    assert 'Acquire::http::Proxy "http://127.0.0.1:1";' in config
    assert "Post-Invoke" not in config
    assert f'Dir::State::Lists "{tmp_path}/work/lists";' in config


def test_what_the_host_has_already_is_borrowed(programs, tmp_path, monkeypatch):
    programs()
    monkeypatch.setattr("runner.embedded.e2b.setup.debian.installed", lambda: {"libc6": "1", "vim": "2"})
    assert Debian(tmp_path / "work", _silent).closure(["a"]) == (["a"], ["libc6"])


def test_packages_are_unpacked_into_a_merged_usr(programs, tmp_path):
    programs()
    debian = Debian(tmp_path / "work", _silent)
    (package,) = debian.unpack(debian.fetch(["a"]), tmp_path / "layer")
    assert (package.name, package.version, package.bytes) == ("a", "1:2", 5)
    assert (tmp_path / "layer/usr/lib/x/from-lib").read_text() == "moved\n"
    assert not (tmp_path / "layer/lib").exists()


def test_what_a_broken_off_run_has_left_is_taken_only_if_it_is_whole(programs, tmp_path):
    programs()
    debian = Debian(tmp_path / "work", _silent)
    (file,) = debian.fetch(["a"])
    file.write_text("while")
    assert debian.fetch(["a"]) == [file]
    assert file.read_text() == "whole"
    (file.parent / "a_1%3a1_all.deb").write_text("of an earlier version")
    assert debian.fetch(["a"]) == [file]


def test_a_package_that_is_not_as_the_lists_say_is_refused(programs, tmp_path):
    programs(content="while")
    with pytest.raises(ServiceError, match=r"a_1%3a2_all\.deb is not what the lists of packages say"):
        Debian(tmp_path / "work", _silent).fetch(["a"])


def test_without_network_the_lists_of_before_are_good_enough(programs, tmp_path):
    programs(update="echo 'E: Could not resolve' >&2; exit 100")
    debian = Debian(tmp_path / "work", _silent)
    with pytest.raises(ServiceError, match="E: Could not resolve") as caught:
        debian.update()
    assert "check the network" in caught.value.hint
    (tmp_path / "work/lists/x_Packages").touch()
    debian.update()


def test_a_source_without_the_packages_is_told(programs, tmp_path):
    programs(install="echo 'E: Unable to locate package a' >&2; exit 100")
    with pytest.raises(ServiceError, match="Unable to locate package a"):
        Debian(tmp_path / "work", _silent).closure(["a"])


def test_a_host_without_apt_is_told_where_else_to_go(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServiceError, match="no apt-get") as caught:
        Debian(tmp_path / "work", _silent)
    assert "hosted service" in caught.value.hint
