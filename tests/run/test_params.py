"""Template parameters: evaluated when the step starts, in layers."""

from __future__ import annotations

from runner.compiler.plan.model import Concurrency, ForEach

SPEC = """
spec: 1
name: templated
inputs: {who: {type: string, default: you}}
secrets: {token: {env: TOKEN}}
templates:
  greet:
    params: {name: {type: string}, times: {type: integer, default: 2}}
    step:
      if: params.times > 0
      run: echo "hello ${{ params.name }} $TIMES $TOKEN"
      env: {TIMES: '${{ params.times }}', TOKEN: '${{ secrets.token }}'}
steps:
  first: {run: echo "n=3" >> "$RUNNER_OUTPUT", outputs: {n: {type: integer}}}
  one: {use: greet, with: {name: '${{ inputs.who }}'}}
  two: {use: greet, with: {name: me, times: '${{ steps.first.outputs.n }}'}}
  none: {use: greet, with: {name: me, times: 0}}
"""


def test_parameters_are_filled_in_when_the_step_starts(lab):
    lab.environ = {"TOKEN": "canary-of-params"}
    done = lab.play(SPEC)
    assert done.states == {"first": "succeeded", "one": "succeeded", "two": "succeeded", "none": "skipped"}
    assert ("one", "stdout", "hello you 2 ***\n") in lab.text
    assert ("two", "stdout", "hello me 3 ***\n") in lab.text
    assert done.step("none")["message"] == "its condition is false: params.times > 0"


def test_a_later_layer_sees_the_one_before(lab, make_step):
    layers = (
        {"a": "${{ inputs.x }}", "deep": {"list": ["${{ inputs.x + 1 }}"]}},
        {"b": "${{ params.deep.list[0] * 2 }}"},
    )
    done = lab.run(
        make_step("s", "echo $RUNNER_EXPR_0", expressions={"RUNNER_EXPR_0": "params.b"}, params=layers), inputs={"x": 4}
    )
    assert done.state == "succeeded"
    assert ("s", "stdout", "10\n") in lab.text


def test_a_parameter_that_cannot_be_evaluated_fails_the_step(lab, make_step):
    done = lab.run(
        make_step("s", params=({"a": "${{ inputs.none }}"},)),
        make_step("g", params=({"a": "${{ inputs.none }}"},), concurrency=Concurrency("x")),
    )
    assert done.states == {"s": "failed", "g": "failed"}
    assert done.step("s")["error_class"] == done.step("g")["error_class"] == "expression"


def test_parameters_may_name_the_item_and_the_list_a_parameter(lab, make_step):
    each = make_step(
        "each",
        "echo $RUNNER_EXPR_0",
        expressions={"RUNNER_EXPR_0": "params.label"},
        params=({"label": "<${{ one }}>", "all": "${{ inputs.list }}"},),
        for_each=ForEach("${{ params.all }}", "one"),
        condition="params.label != '<b>'",
    )
    done = lab.run(each, inputs={"list": ["a", "b"]})
    assert done.states == {"each": "succeeded", "each[0]": "succeeded", "each[1]": "skipped"}
    assert ("each[0]", "stdout", "<a>\n") in lab.text


def test_a_condition_over_other_parameters_is_asked_once(lab, make_step):
    params = {"go": False, "list": [["${{ inputs.x }}"], 1]}
    done = lab.run(
        make_step("each", params=(params,), for_each=ForEach([1, 2]), condition="params.go"), inputs={"x": 1}
    )
    assert done.states == {"each": "skipped"}
