"""What is refused before a run starts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.errors import SpecError
from runner.run import support


def test_every_step_that_cannot_be_executed_yet_is_listed_and_nothing_is_written(lab, make_step):
    with pytest.raises(SpecError) as caught:
        lab.run(
            make_step("fine"),
            make_step("review", kind="agent", action={"agent": "x"}, line=4, column=3),
            replace(make_step("symbolic", line=6, column=3), legs=None, is_matrix=True),
        )
    assert caught.value.message.splitlines() == [
        "2 steps of lab cannot be executed yet:",
        "  lab.yaml:4:3: review: kind `agent`",
        "  lab.yaml:6:3: symbolic: a matrix that depends on inputs that were not given",
    ]
    assert "`run`, `script`, `workflow`, `approve`" in caught.value.hint
    assert caught.value.exit_code == 1
    assert not (lab.folder / "state").exists()
    assert lab.fake.made == []


def test_one_step_is_one_step(lab, make_step):
    with pytest.raises(SpecError, match="1 step of lab cannot"):
        lab.run(make_step("call", kind="tool", action={}, sandbox=None))


def test_the_providers_that_a_plan_may_use_and_which_of_them_come_first(lab):
    text = """
spec: 1
name: lab
sandboxes:
  web: {needs: {runtime: node}, prefer: [webcontainer, e2b]}
  page: {needs: {runtime: node}, prefer: [webcontainer]}
  unused: {needs: {runtime: python}, prefer: [e2b]}
steps:
  a: {sandbox: web, run: "true"}
  b: {sandbox: page, run: "true"}
"""
    assert support.candidates(lab.planned(text), []) == {"webcontainer": True, "e2b": False}
    assert support.candidates(lab.planned(text.replace("sandbox: page", "sandbox: unused")), []) == {
        "webcontainer": True,
        "e2b": True,
    }
