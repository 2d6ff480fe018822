"""What is refused before a run starts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.errors import SpecError
from runner.run.support import unheeded


def test_every_step_that_cannot_be_executed_yet_is_listed_and_nothing_is_written(lab, make_step):
    with pytest.raises(SpecError) as caught:
        lab.run(
            make_step("fine"),
            make_step("review", kind="agent", action={"agent": "x"}, line=4, column=3),
            make_step("each", line=5, column=3),
            replace(make_step("symbolic", line=6, column=3), legs=None, is_matrix=True),
            extra={"steps": {"each": {"for_each": [1], "repeat": {"max": 2}}, "fine": {"cache": {}}}},
        )
    assert caught.value.message.splitlines() == [
        "3 steps of lab cannot be executed yet:",
        "  lab.yaml:4:3: review: kind `agent`",
        "  lab.yaml:5:3: each: `for_each`, `repeat`",
        "  lab.yaml:6:3: symbolic: a matrix that depends on inputs that were not given",
    ]
    assert "`run` and `script`" in caught.value.hint
    assert caught.value.exit_code == 1
    assert not (lab.folder / "state").exists()
    assert lab.fake.made == []


def test_one_step_is_one_step(lab, make_step):
    with pytest.raises(SpecError, match="1 step of lab cannot"):
        lab.run(make_step("gate", kind="approve", action={}, sandbox=None))


def test_what_a_run_does_not_heed_yet_is_said(new_plan, make_step):
    extra = {"policies": [], "labels": {}, "steps": {"a": {"cache": {}}, "b": {"cache": {}, "description": "x"}}}
    assert unheeded(new_plan(make_step("a"), make_step("b"), extra=extra)) == (
        "note: runs do not heed yet: `policies`; `cache` of a, b"
    )


def test_a_plan_that_is_heeded_whole_gives_no_note(new_plan, make_step):
    assert unheeded(new_plan(make_step("a"), extra={"labels": {}, "steps": {"a": {"description": "x"}}})) == ""
    assert unheeded(new_plan(make_step("a"))) == ""
