"""Fan-out: a leg for each item of a list that is known only while the run goes on."""

from __future__ import annotations

import pytest

LIST = """
spec: 1
name: fan
inputs: {files: {type: array, items: {type: string}, default: [a, b, c]}, more: {type: boolean, default: true}}
steps:
  list:
    env: {FILES: "${{ inputs.files }}"}
    run: printf 'files=%s\\n' "$FILES" >> "$RUNNER_OUTPUT"
    outputs: {files: {type: array, items: {type: string}}}
"""
EACH = """
  each:
    for_each: ${{ steps.list.outputs.files }}
    run: printf 'name="%s!"\\n' ${{ item }} >> "$RUNNER_OUTPUT"
    outputs: {name: {type: string}}
  sum:
    env: {ALL: "${{ steps.each.outputs.name }}"}
    run: echo "$ALL"
"""


def test_every_item_is_a_leg_and_outputs_are_lists_in_their_order(lab):
    done = lab.play(LIST + EACH)
    assert done.state == "succeeded"
    assert done.states == {
        "list": "succeeded", "each": "succeeded", "each[0]": "succeeded", "each[1]": "succeeded",
        "each[2]": "succeeded", "sum": "succeeded",
    }  # fmt: skip
    assert ("sum", "stdout", '["a!","b!","c!"]\n') in lab.text
    assert done.step("each")["outputs"] == {"name": ["a!", "b!", "c!"]}
    assert done.step("each")["message"] == "3 items"
    assert done.report.document["steps_total"] == 6


def test_the_legs_are_written_down_before_any_of_them_starts(lab):
    done = lab.play(LIST + EACH)
    (expanded,) = done.of("step.expanded")
    assert expanded.data["legs"] == [
        {"leg": "each[0]", "item": "a"},
        {"leg": "each[1]", "item": "b"},
        {"leg": "each[2]", "item": "c"},
    ]
    begun = [event.seq for event in done.events if event.type == "step.ready" and "[" in (event.step or "")]
    assert len(begun) == 3
    assert expanded.seq < min(begun)
    (listed,) = [event.seq for event in done.of("step.succeeded") if event.step == "list"]
    assert listed < expanded.seq


def test_an_empty_list_succeeds_with_empty_outputs_and_says_so(lab):
    done = lab.play(LIST + EACH, {"files": []})
    assert done.states == {"list": "succeeded", "each": "succeeded", "sum": "succeeded"}
    assert ("sum", "stdout", "[]\n") in lab.text
    assert "the list is empty" in done.of("step.expanded")[0].data["note"]
    assert done.step("each")["message"] == "0 items"


def test_items_may_be_written_and_the_variable_named(lab):
    done = lab.play(
        LIST
        + """
  pair:
    for_each: {items: [{n: 1, of: '${{ inputs.files[0] }}'}, {n: 2, of: x}], as: pair, max_parallel: 1}
    run: echo ${{ pair.n }} ${{ pair.of }}
"""
    )
    assert done.state == "succeeded"
    told = [text for key, _, text in lab.text if key.startswith("pair[")]
    assert told == ["1 a\n", "2 x\n"]


def test_max_parallel_is_kept(lab):
    now, most = 0, 0

    def count(event):
        nonlocal now, most
        if event.step and event.step.startswith("each["):
            now += {"step.started": 1, "step.succeeded": -1}.get(event.type, 0)
            most = max(most, now)

    lab.on_event = count
    lab.play(LIST + "  each: {for_each: {items: [1, 2, 3, 4], max_parallel: 2}, run: sleep 0.03}\n")
    assert most == 2


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('"text"', "is a text, expected a list"),
        ("7", "is a number, expected a list"),
        ('{"a": 1}', "is an object, expected a list"),
        ("null", "is null, expected a list"),
        ("[" + ",".join(["0"] * 257) + "]", "has 257 items, allowed are 256"),
    ],
)
def test_what_is_no_list_or_too_long_fails_the_step(lab, value, words):
    done = lab.play(
        "spec: 1\nname: odd\nsteps:\n"
        "  list: {run: \"printf '%s\\\\n' 'any={\\\"x\\\":" + value.replace('"', '\\"') + "}' >> $RUNNER_OUTPUT\", "
        "outputs: {any: {type: object}}}\n"
        "  each: {for_each: '${{ steps.list.outputs.any.x }}', run: echo}\n  after: {after: each, run: echo}\n"
    )
    assert done.state == "failed"
    assert done.states == {"list": "succeeded", "each": "failed", "after": "skipped"}
    assert words in done.step("each")["message"]
    assert done.step("each")["error_class"] == "items"
    assert done.of("step.failed")[0].data["hint"]


def test_a_list_that_cannot_be_evaluated_fails_the_step(lab):
    done = lab.play(LIST + "  each: {for_each: '${{ [inputs.files[9]] }}', run: echo}\n")
    assert done.states["each"] == "failed"
    assert done.step("each")["error_class"] == "expression"


FAILING = """
  each:
    for_each: ${{ steps.list.outputs.files }}
    allow_failure: ALLOW
    run: test ${{ item }} != b
    retry: {attempts: 1}
  after: {after: each, run: echo}
"""


@pytest.mark.parametrize(
    ("allow", "state", "after"), [("false", "failed", "skipped"), ("true", "succeeded", "succeeded")]
)
def test_one_failed_item_fails_the_step_and_the_others_go_on(lab, allow, state, after):
    done = lab.play(LIST + FAILING.replace("ALLOW", allow))
    assert done.state == state
    assert done.states == {
        "list": "succeeded", "each": "failed", "each[0]": "succeeded", "each[1]": "failed", "each[2]": "succeeded",
        "after": after,
    }  # fmt: skip
    assert done.step("each")["message"] == "1 of 3 items failed: each[1]"
    assert done.step("each")["error_class"] == "exit"
    if allow == "false":
        assert done.report.document["message"] == "each[1]: exit code 1"


def test_many_failed_items_are_not_all_listed(lab):
    done = lab.play(LIST + "  each: {for_each: {items: [1, 2, 3, 4, 5, 6, 7]}, run: exit 1, retry: {attempts: 1}}\n")
    assert done.step("each")["message"].endswith("each[4], …")


def test_items_that_fail_in_different_ways_have_no_common_class(lab):
    done = lab.play(
        LIST
        + """
  each:
    for_each: {items: [1, 2]}
    run: test ${{ item }} = 1
    retry: {attempts: 1}
    outputs: {x: {type: integer}}
"""
    )
    assert {done.step("each[0]")["error_class"], done.step("each[1]")["error_class"]} == {"output", "exit"}
    assert done.step("each")["error_class"] == "items"


def test_a_condition_without_the_item_is_asked_once(lab):
    done = lab.play(LIST + "  each: {if: '!inputs.more', for_each: '${{ steps.list.outputs.files }}', run: echo}\n")
    assert done.states == {"list": "succeeded", "each": "skipped"}
    assert done.step("each")["message"] == "its condition is false: !inputs.more"


def test_a_condition_over_the_item_is_asked_for_each(lab):
    done = lab.play(LIST + "  each: {if: \"item != 'b'\", for_each: '${{ steps.list.outputs.files }}', run: echo}\n")
    assert [done.states[f"each[{n}]"] for n in range(3)] == ["succeeded", "skipped", "succeeded"]
    assert done.states["each"] == "succeeded"


def test_a_fan_out_all_of_whose_items_are_skipped_was_skipped(lab):
    done = lab.play(
        LIST
        + "  each: {if: \"item == 'x'\", for_each: '${{ steps.list.outputs.files }}', run: echo}\n"
        + "  after: {after: each, run: echo}\n"
    )
    assert done.states["each"] == done.states["after"] == done.states["each[0]"] == "skipped"


def test_it_is_skipped_when_its_upstream_failed(lab):
    done = lab.play(
        LIST + "  bad: {run: exit 1, retry: {attempts: 1}}\n  each: {after: bad, for_each: {items: [1]}, run: echo}\n"
    )
    assert done.states["each"] == "skipped"
    assert "each[0]" not in done.states


def test_artifacts_of_the_items_are_placed_by_their_number(lab):
    done = lab.play(
        LIST
        + """
  each:
    for_each: ${{ steps.list.outputs.files }}
    run: mkdir -p ${{ item }}; echo ${{ item }} > ${{ item }}/name
    outputs: {dir: {artifact: '*/name'}}
  use:
    script:
      language: python
      code: import json, os; print(open(json.loads(os.environ['ALL'])[0] + '/a/name').read())
    env: {ALL: "${{ steps.each.outputs.dir }}"}
"""
    )
    assert done.state == "succeeded", done.report.document["message"]
    assert ("use", "stdout", "a\n\n") in lab.text


def test_a_stop_cancels_the_legs_and_the_step(lab):
    def stop(event):
        if event.type == "step.started" and event.step == "each[0]":
            lab.control.stop("by the test")

    lab.on_event = stop
    done = lab.play(LIST + "  each: {for_each: {items: [1, 2, 3], max_parallel: 1}, run: sleep 30}\n")
    assert done.state == "cancelled"
    assert {done.states[key] for key in ("each", "each[0]", "each[1]", "each[2]")} == {"cancelled"}


def test_a_stop_before_the_list_is_known_cancels_the_step(lab):
    def stop(event):
        if event.type == "step.started":
            lab.control.stop("by the test")

    lab.on_event = stop
    done = lab.play(LIST.replace("run: printf", "run: sleep 30; printf") + EACH)
    assert done.states == {"list": "cancelled", "each": "cancelled", "sum": "cancelled"}


def test_without_upstream_a_list_of_the_inputs_will_do(lab):
    done = lab.play(
        "spec: 1\nname: x\ninputs: {n: {type: array, items: {type: integer}, default: [1, 2]}}\n"
        "steps: {each: {for_each: '${{ inputs.n }}', run: 'echo ${{ item }}'}}\n"
    )
    assert done.states == {"each": "succeeded", "each[0]": "succeeded", "each[1]": "succeeded"}
