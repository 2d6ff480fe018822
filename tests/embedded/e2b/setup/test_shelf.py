"""Layers in the data folder: their records, when they are good, and that they appear whole or not at all."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from runner.embedded.e2b.setup import shelf
from runner.embedded.e2b.setup.catalog import Item, items, look, remedy, set_up, take_away, templates
from runner.embedded.e2b.setup.shelf import Manifest, Package
from runner.embedded.e2b.templates import Template
from runner.errors import ServiceError

_ITEM = Item("desktop", "for tests", "r1", lambda layer, work, say: ([], []), False, lambda layer: Template("desktop"))
_PACKAGE = Package("xvfb", "2:21.1", "0" * 64, 9)


def _manifest(**more) -> Manifest:
    return Manifest(**{"name": "desktop", "recipe": "r1", "host": shelf.host(), "made": 1.0, "bytes": 2, **more})


def test_a_record_is_read_as_it_was_written(tmp_path):
    manifest = _manifest(packages=(_PACKAGE,), borrows=("libc6",), python="3.11")
    shelf.write(tmp_path, manifest)
    assert shelf.read(tmp_path) == manifest


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99}', '{"format": 1, "packages": [{}], "borrows": []}'])
def test_a_record_that_cannot_be_read_is_none(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    assert shelf.read(tmp_path) is None


def test_the_data_folder_is_where_the_user_says(tmp_path):
    assert shelf.data_folder({"RUNNER_HOME": "/a", "XDG_DATA_HOME": "/b"}).as_posix() == "/a"
    assert shelf.data_folder({"XDG_DATA_HOME": "/b", "HOME": "/c"}).as_posix() == "/b/runner"
    assert shelf.data_folder({"HOME": "/c"}).as_posix() == "/c/.local/share/runner"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, ""),
        ({"recipe": "r0"}, "another version of runner"),
        ({"host": "debian 11 x86_64"}, "made for debian 11 x86_64, and this is"),
        ({"python": "3.1"}, "made for Python 3.1, and boxes have"),
        ({"borrows": ("here",)}, ""),
        ({"borrows": ("here", "a", "b", "c", "gone")}, "the host no longer has a, b, c …"),
    ],
)
def test_a_layer_is_good_over_the_host_that_it_was_made_for(monkeypatch, tmp_path, more, reason):
    status = tmp_path / "status"
    status.write_text(
        "Package: here\nStatus: install ok installed\nVersion: 1:2\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 3\n"
    )
    monkeypatch.setattr(shelf, "_STATUS", status)
    assert shelf.installed() == {"here": "1:2"}
    fault = shelf.fault(_manifest(**more), "r1")
    assert reason in fault
    assert bool(fault) == bool(reason)


def test_a_layer_that_fails_in_the_making_leaves_the_one_before(tmp_path):
    environ = {"RUNNER_HOME": str(tmp_path)}
    set_up(_ITEM, environ, lambda line: None)
    before = look(_ITEM, environ)

    def broken(layer, work, say):
        (layer / "half").touch()
        raise ServiceError("no network")

    with pytest.raises(ServiceError, match="no network"):
        set_up(Item("desktop", "", "r2", broken, False, _ITEM.template), environ, lambda line: None)
    assert look(_ITEM, environ) == before
    assert sorted(each.name for each in shelf.shelf(environ).iterdir()) == [".work-desktop", "desktop"]
    assert not list(shelf.shelf(environ).rglob("half"))


def test_two_at_a_time_make_a_layer_once_and_the_second_says_that_it_waits(tmp_path):
    environ = {"RUNNER_HOME": str(tmp_path)}
    made, said = [], []
    busy, go_on = threading.Event(), threading.Event()

    def make(layer, work, say):
        made.append(layer)
        busy.set()
        assert go_on.wait(30)
        return [], []

    def say(line):
        said.append(line)
        go_on.set()

    item = Item("desktop", "", "r1", make, False, _ITEM.template)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(set_up, item, environ, print)
        assert busy.wait(30)
        second = threads.submit(set_up, item, environ, say)
        assert (first.result(), second.result()) == (True, False)
    assert (len(made), said) == (1, ["waiting for another `runner setup`"])


def test_an_endpoint_that_started_while_a_layer_was_made_anew_keeps_the_old_one(tmp_path):
    environ = {"RUNNER_HOME": str(tmp_path)}
    set_up(_ITEM, environ, print)
    folder = shelf.shelf(environ) / "desktop"
    with (folder / "manifest.json").open() as held:

        def make(layer, work, say):
            fcntl.flock(held, fcntl.LOCK_SH)
            return [_PACKAGE], []

        with pytest.raises(ServiceError, match="an endpoint that runs"):
            set_up(Item("desktop", "", "r1", make, False, _ITEM.template), environ, print, anew=True)
    manifest, why = look(_ITEM, environ)
    assert (manifest and manifest.packages, why) == ((), "")


def test_a_layer_that_is_replaced_at_this_moment_is_not_held(tmp_path):
    folder = tmp_path / "desktop"
    assert not shelf.hold(folder)


def test_what_is_taken_away_is_gone(tmp_path):
    environ = {"RUNNER_HOME": str(tmp_path)}
    assert not take_away(_ITEM, environ, print)
    set_up(_ITEM, environ, lambda line: None)
    assert take_away(_ITEM, environ, print)
    assert look(_ITEM, environ) == (None, "it has not been set up")


def test_a_data_folder_that_cannot_be_written_is_told_with_what_to_do(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ServiceError, match="cannot be written") as caught:
        set_up(_ITEM, {"RUNNER_HOME": str(tmp_path / "file")}, lambda line: None)
    assert "RUNNER_HOME" in caught.value.hint


def test_what_a_running_endpoint_makes_boxes_of_stays(tmp_path):
    environ = {"RUNNER_HOME": str(tmp_path)}
    item = items()["desktop"]
    folder = shelf.shelf(environ) / "desktop"
    shelf.files(folder).mkdir(parents=True)
    shelf.write(folder, _manifest(recipe=item.recipe))
    program = "import sys; from runner.embedded.e2b.setup.catalog import templates;"
    program += " print([each.id for each in templates()], flush=True); sys.stdin.read()"
    endpoint = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **environ}
    )
    with endpoint:
        assert endpoint.stdout is not None
        assert endpoint.stdout.readline() == b"['desktop']\n"
        for change in (lambda: take_away(item, environ, print), lambda: set_up(item, environ, print, anew=True)):
            with pytest.raises(ServiceError, match="an endpoint that runs makes boxes of") as caught:
                change()
            assert "end it" in caught.value.hint
    assert take_away(item, environ, print)


def test_only_what_can_be_set_up_has_a_remedy(tmp_path):
    environ = {"RUNNER_HOME": str(tmp_path)}
    assert remedy("desktop", environ) == "it has not been set up; run `runner setup desktop`"
    assert remedy("code-interpreter-v1:default", environ).endswith("run `runner setup code-interpreter`")
    assert remedy("mine", environ) == ""
    assert list(templates(environ)) == []


def test_every_requirement_is_pinned_with_hashes():
    from runner.embedded.e2b.setup.interpreter import REQUIREMENTS

    text = REQUIREMENTS.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) > 30
    assert [line for line in lines if "==" not in line.split()[0] or "--hash=sha256:" not in line] == []
