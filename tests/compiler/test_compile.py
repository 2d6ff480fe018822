"""The front door: a spec that compiled is planned again with the inputs of a run."""

from __future__ import annotations

import pytest

from runner.compiler.compile import compile_plan, with_inputs
from runner.errors import UsageError

SPEC = (
    b"spec: 1\nname: demo\ninputs: {n: {type: integer, default: 1}}\n"
    b"steps: {a: {matrix: {i: '${{ range(inputs.n) }}'}, run: 'echo ${{ matrix.i }}'}}\n"
)


def test_inputs_give_the_same_plan_before_and_after() -> None:
    compiled = compile_plan(SPEC, "demo.yaml")
    for inputs, legs in (({}, 1), ({"n": 3}, 3)):
        plan = with_inputs(compiled, inputs)
        assert plan == compile_plan(SPEC, "demo.yaml", inputs).plan
        assert len(plan.step("a").legs or ()) == legs


def test_inputs_that_do_not_fit_are_told() -> None:
    with pytest.raises(UsageError, match="n"):
        with_inputs(compile_plan(SPEC, "demo.yaml"), {"n": "many"})


def test_a_spec_with_errors_has_no_plan() -> None:
    with pytest.raises(ValueError, match="errors"):
        with_inputs(compile_plan(b"spec: 1\n", "demo.yaml"), {})
