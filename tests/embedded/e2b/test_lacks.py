"""What boxes of the embedded endpoint cannot give is said beforehand."""

from __future__ import annotations

import pytest

from runner.compiler.plan.choose import Fact, choose
from runner.embedded.e2b.lacks import lacks


@pytest.mark.parametrize("needs", [{"network": "*"}, {"desktop": True}, {"browser": True}, {"persist_seconds": 60}])
def test_a_need_that_cannot_be_met_is_refused_with_what_to_do(needs):
    (first, _) = choose(needs, ("e2b",), {"e2b": Fact(True, "here", lacks())})
    assert not first.accepted
    assert "E2B_API_KEY" in first.reason


def test_node_is_there_when_the_system_has_it(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/env")
    assert "runtime node" not in lacks()
    monkeypatch.setattr("shutil.which", lambda name: "/opt/ann/bin/node")
    assert "below /usr" in lacks()["runtime node"]
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert "apt-get install nodejs" in lacks()["runtime node"]
