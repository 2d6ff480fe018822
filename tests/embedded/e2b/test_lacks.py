"""What boxes of the embedded endpoint cannot give is said beforehand."""

from __future__ import annotations

import pytest

from runner.compiler.plan.choose import Fact, choose
from runner.embedded.e2b.lacks import known_templates, lacks
from runner.embedded.e2b.setup import shelf
from runner.embedded.e2b.setup.catalog import items


@pytest.mark.parametrize("needs", [{"network": "*"}, {"desktop": True}, {"persist_seconds": 60}])
def test_a_need_that_cannot_be_met_is_refused_with_what_to_do(needs, monkeypatch, tmp_path):
    monkeypatch.setenv("RUNNER_HOME", str(tmp_path))
    (first, _) = choose(needs, ("e2b",), {"e2b": Fact(True, "here", lacks())})
    assert not first.accepted
    assert "E2B_API_KEY" in first.reason


def test_a_network_is_lacking_unless_boxes_are_let_out():
    assert "RUNNER_E2B_EGRESS=1" in lacks()["network"]
    assert "network" not in lacks(egress=True)


def test_a_browser_can_show_what_runs_in_a_box():
    (first, _) = choose({"browser": True}, ("e2b",), {"e2b": Fact(True, "here", lacks())})
    assert first.accepted


def test_node_is_there_when_the_system_has_it(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/env")
    assert "runtime node" not in lacks()
    monkeypatch.setattr("shutil.which", lambda name: "/opt/ann/bin/node")
    assert "below /usr" in lacks()["runtime node"]
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert "apt-get install nodejs" in lacks()["runtime node"]


def test_a_desktop_is_lacking_until_it_is_set_up(monkeypatch, tmp_path):
    monkeypatch.setenv("RUNNER_HOME", str(tmp_path))
    assert "it has not been set up; run `runner setup desktop`" in lacks()["desktop"]
    recipe = items()["desktop"].recipe
    folder = shelf.shelf({"RUNNER_HOME": str(tmp_path)}) / "desktop"
    folder.mkdir(parents=True)
    shelf.write(folder, shelf.Manifest("desktop", recipe, shelf.host(), 1.0, 2))
    assert "desktop" not in lacks()
    shelf.write(folder, shelf.Manifest("desktop", recipe, "debian 11 x86_64", 1.0, 2))
    assert "made for debian 11 x86_64" in lacks()["desktop"]


def test_templates_are_those_that_are_there(monkeypatch, tmp_path):
    monkeypatch.setenv("RUNNER_HOME", str(tmp_path))
    fact = Fact(True, "here", lacks(), templates=known_templates())
    for name in ("base", "base:default"):
        (base, _) = choose({"template": name}, ("e2b",), {"e2b": fact})
        assert base.accepted
    (code, _) = choose({"template": "code-interpreter"}, ("e2b",), {"e2b": fact})
    assert not code.accepted
    assert "has the templates base; `runner setup` makes others" in code.reason
