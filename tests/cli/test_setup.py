"""`runner setup`: what it shows, what it makes and removes, and how it ends when it cannot."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from runner.cli.main import _run
from runner.embedded.e2b.setup import catalog
from runner.embedded.e2b.setup.shelf import Package
from runner.errors import ServiceError


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(monkeypatch, capsys):
    """Call `runner ARGUMENTS` as a shell would, its one handler of errors included."""

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["runner", *arguments])
        code = _run()
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return call


@pytest.fixture
def made(monkeypatch, tmp_path):
    """Layers of one file each, in a data folder of the test's; gives what was made, in order."""
    monkeypatch.setenv("RUNNER_HOME", str(tmp_path))
    names = []

    def maker(name):
        def make(layer, work, say):
            say("making it")
            names.append(name)
            (layer / "file").write_text("x" * 5000)
            return [Package("p", "1", "0" * 64, 5)], []

        return make

    known = catalog.items()
    replaced = {
        name: catalog.Item(name, item.what, item.recipe, maker(name), item.needs_python, item.template)
        for name, item in known.items()
    }
    monkeypatch.setattr(catalog, "items", lambda: replaced)
    return names


def test_without_a_name_it_shows_what_there_is(cli, made):
    done = cli("setup")
    assert done.code == 0
    assert "desktop           not set up: `runner setup desktop`" in done.out
    assert "code-interpreter  not set up" in done.out
    assert made == []


def test_what_is_good_is_not_made_again(cli, made):
    done = cli("setup", "desktop")
    assert (done.code, made) == (0, ["desktop"])
    assert "desktop: making it" in done.err
    assert "desktop           ready: 1 packages" in done.out
    assert cli("setup", "desktop").code == 0
    assert made == ["desktop"]
    assert cli("setup", "desktop", "--force").code == 0
    assert made == ["desktop", "desktop"]


def test_json_tells_packages_and_what_has_changed(cli, made):
    cli("setup", "desktop")
    done = cli("setup", "desktop", "code-interpreter", "--json")
    desktop, interpreter = json.loads(done.out)["items"]
    assert (desktop["ready"], desktop["changed"]) == (True, False)
    assert (interpreter["ready"], interpreter["changed"], interpreter["why"]) == (True, True, None)
    assert desktop["packages"] == [{"name": "p", "version": "1", "sha256": "0" * 64}]


def test_remove_takes_it_away(cli, made):
    cli("setup", "desktop")
    done = cli("setup", "desktop", "--remove")
    assert "desktop           not set up" in done.out
    assert "code-interpreter" not in done.out


def test_bad_usage_and_a_failure_have_their_exit_codes(cli, made, monkeypatch):
    done = cli("setup", "telescope")
    assert done.code == 2
    assert "there is desktop and code-interpreter" in done.err
    assert cli("setup", "--remove", "--force").code == 2

    def fails(item, environ, say, *, anew):
        raise ServiceError("nothing answers", "check the network")

    monkeypatch.setattr(catalog, "set_up", fails)
    done = cli("setup", "desktop")
    assert done.code == 4
    assert "check the network" in done.err
