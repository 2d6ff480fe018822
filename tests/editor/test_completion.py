"""What is proposed at a place, in sound and in broken texts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.editor.analysis import Analysis
from runner.editor.completion import Item, complete
from runner.editor.texts import Texts

from .conftest import Place

Placed = Callable[[str], Place]


def proposed(placed: Placed, text: str) -> dict[str, Item]:
    analysis, line, column = placed(text)
    return {item.label: item for item in complete(analysis, line, column, lambda: ["./b.yaml"])}


def with_step(spec: str, step: str) -> str:
    return spec.replace("milestones:", f"  new: {step}\nmilestones:")


def test_the_keys_of_a_spec_are_proposed_with_what_they_mean(placed: Placed, spec: str) -> None:
    found = proposed(placed, spec + "sch│")
    assert {"schedules", "policies", "finally"} <= found.keys()
    assert not {"spec", "name", "steps"} & found.keys()
    assert found["finally"].insert == "finally:\n  $0"
    assert "When the workflow starts by itself" in found["schedules"].note


def test_the_keys_of_a_step_fit_its_kind(placed: Placed, spec: str) -> None:
    found = proposed(placed, with_step(spec, "\n    approve: {prompt: Go?}\n    │"))
    assert {"after", "if", "title"} <= found.keys()
    assert not {"run", "agent", "sandbox", "env", "approve"} & found.keys()
    assert found["after"].insert == "after: [$0]"


def test_a_map_is_begun_two_columns_deeper_than_its_key(placed: Placed, spec: str) -> None:
    assert proposed(placed, with_step(spec, "\n    re│"))["retry"].insert == "retry:\n  $0"
    assert proposed(placed, spec + "schedules:\n  - in│")["inputs"].insert == "inputs:\n    $0"


def test_keys_inside_brackets_stay_on_the_line(placed: Placed, spec: str) -> None:
    found = proposed(placed, with_step(spec, "{run: x, ret│"))
    assert found["retry"].insert == "retry: $0"
    assert found["retry"].replaces == 3


VALUES = {
    "{run: x, after: [bundle, │": {"bundle", "test", "look", "last"},
    "{run: x, after: │": {"bundle", "test", "look", "last"},
    "\n    run: x\n    after:\n      - b│": {"bundle", "test", "look", "last"},
    "{run: x, sandbox: │": {"py"},
    "{run: x, owner: │": {"ann"},
    "{run: x, phase: │": {"build"},
    "{use: │": {"lint"},
    "{workflow: │": {"./b.yaml"},
    "{run: x, allow_failure: │": {"true", "false"},
    "{run: x, retry: {backoff: │": {"none", "fixed", "linear", "exponential"},
    "{use: lint, with: {│": set(),
}
COMPARED = {
    "{run: x, if: steps.bundle.state == 'f│": {"succeeded", "failed", "skipped", "cancelled"},
    "{run: x, if: inputs.target == '│'": {"dev", "prod"},
    "{run: x, if: \"inputs.target in ['dev', '│": {"dev", "prod"},
    '{run: x, if: inputs.shards == 1 && inputs.target != "│': {"dev", "prod"},
    "{run: 'x ${{ inputs.target == \"│": {"dev", "prod"},
    "{run: x, if: run.id == '│": set(),
    "{run: x, if: run.id == 'it is │": set(),
}


@pytest.mark.parametrize("step", VALUES)
def test_values_are_those_that_exist(placed: Placed, spec: str, step: str) -> None:
    found = proposed(placed, with_step(spec, step))
    assert VALUES[step] <= found.keys()
    if VALUES[step]:
        assert len(found) <= max(4, len(VALUES[step]))


@pytest.mark.parametrize("step", COMPARED)
def test_inside_quotes_only_the_values_of_what_is_compared_are_proposed(placed: Placed, spec: str, step: str) -> None:
    assert proposed(placed, with_step(spec, step)).keys() == COMPARED[step]


@pytest.mark.parametrize(
    ("step", "values"),
    [
        ("{run: x, if: inputs.target == │", ["'dev'", "'prod'"]),
        ("{run: x, if: 'inputs.target == │", ['"dev"', '"prod"']),
    ],
)
def test_values_come_first_in_quotes_that_fit_those_around(
    placed: Placed, spec: str, step: str, values: list[str]
) -> None:
    found = list(proposed(placed, with_step(spec, step)))
    assert found[:2] == values
    assert "inputs" in found


def test_a_value_is_proposed_as_it_must_be_written(placed: Placed, spec: str) -> None:
    assert proposed(placed, spec.replace("type: integer, minimum: 1", "type: │"))["null"].insert == '"null"'
    assert proposed(placed, spec.replace("type: integer, minimum: 1", 'type: "│"'))["null"].insert == "null"


def test_a_key_that_comes_by_a_merge_may_be_written_anew(placed: Placed, spec: str) -> None:
    base = spec.replace("  look: {", "  base: &base {run: x, owner: ann}\n  look: {")
    found = proposed(placed, with_step(base, "{<<: *base, r│}"))
    assert {"run", "owner", "retry"} <= found.keys()
    assert "agent" not in found


def test_an_anchor_stands_before_what_is_written(placed: Placed, spec: str) -> None:
    assert "retry" in proposed(placed, with_step(spec, "&new {run: x, │"))
    assert "bundle" in proposed(placed, with_step(spec, "{run: x, after: &some [b│"))
    found = proposed(placed, with_step(spec, "{run: x, sandbox: &box p│"))
    assert found["py"].replaces == 1


def test_rows_of_a_matrix_name_its_axes(placed: Placed, spec: str) -> None:
    assert proposed(placed, spec.replace('shards) }}"}', 'shards) }}", exclude: [{│')).keys() == {"shard"}


def test_each_template_has_its_own_parameters(placed: Placed, spec: str) -> None:
    outer = "  outer: {params: {place: {type: string}}, step: {use: lint, with: {folder: x}}}\nphases:"
    nested = spec.replace("phases:", outer).replace("use: lint, with: {folder: src}", "use: outer, with: {place: y}")
    analysis = Analysis(nested)

    def found(old: str, new: str) -> set[str]:
        before, _, after = nested.replace(old, new).partition("│")
        line = before.count("\n") + 1
        return {one.label for one in complete(analysis.then(before + after), line, len(before) - before.rfind("\n"))}

    assert found("{place: y}", "{│}") == {"place"}
    assert found("{folder: x}", "{│}") == {"folder"}


KNOWN = {
    "sandboxes:\n  b: {needs: {runtime: │": {"python", "node", "shell"},
    "agents:\n  b: {tools: [│": {"shell", "files", "web"},
    "schedules:\n  - {id: x, inputs: {target: │": {"dev", "prod"},
    "tests:\n  - {name: x, expect: {steps: {│": {"bundle", "test", "look", "last"},
    "tests:\n  - {name: x, stubs: {│": {"bundle", "test", "look", "last"},
}


@pytest.mark.parametrize("text", KNOWN)
def test_what_the_runner_knows_itself_is_proposed(placed: Placed, spec: str, text: str) -> None:
    found = proposed(placed, spec + text)
    assert KNOWN[text] <= found.keys()
    assert len(found) <= 5


def test_what_a_child_takes_is_proposed(tmp_path: Path) -> None:
    child = "spec: 1\nname: child\ninputs: {fast: {type: boolean}, n: {type: integer}}\nsteps: {a: {run: x}}\n"
    (tmp_path / "child.yaml").write_text(child)
    texts, path = Texts(), str(tmp_path / "a.yaml")
    head = "spec: 1\nname: a\nsteps: {a: {workflow: ./child.yaml, with: {"
    texts.put(path, head + "}}}\n")

    def found(more: str) -> set[str]:
        analysis = texts.put(path, head + more)
        return {one.label for one in complete(analysis, 3, len((head + more).splitlines()[2]) + 1)}

    assert found("") == {"fast", "n"}
    assert found("fast: ") == {"true", "false"}


def test_the_parameters_of_a_template_are_proposed(placed: Placed, spec: str) -> None:
    found = proposed(placed, spec.replace("with: {folder: src}", "with: {│"))
    assert found.keys() == {"folder"}
    assert "param folder" in found["folder"].note


def test_the_inputs_of_a_schedule_are_proposed(placed: Placed, spec: str) -> None:
    found = proposed(placed, spec + "schedules:\n  - id: x\n    inputs: {│")
    assert found.keys() == {"target", "shards"}


def test_milestones_name_steps(placed: Placed, spec: str) -> None:
    assert "last" in proposed(placed, spec.replace("needs: [last]", "needs: [│"))
    assert "accept" in proposed(placed, spec + "  - id: x\n    │")


NAMES = {
    "{run: 'x ${{ │": {"inputs", "secrets", "steps", "run", "range"},
    "{run: 'x ${{ inputs.│": {"target", "shards"},
    "{run: 'x ${{ inputs.ta│": {"target", "shards"},
    "{run: 'x ${{ secrets.│": {"token"},
    "{run: 'x ${{ steps.│": {"bundle", "test"},
    "{run: 'x ${{ steps.bundle.│": {"outputs", "state"},
    "{run: 'x ${{ steps.bundle.outputs.│": {"size", "dist"},
    "{run: 'x ${{ 1 + steps.bundle.outputs.│": {"size", "dist"},
    "{run: 'x ${{ inputs.target.│": {"startsWith", "upperAscii"},
    "\n    run: |\n      echo ${{ inputs.│": {"target", "shards"},
    "{if: │": {"inputs", "steps"},
    "{if: steps.bundle.outputs.│": {"size"},
    "\n    if: |\n      steps.bundle.outputs.│": {"size"},
    "{run: x, repeat: {until: │": {"outputs", "steps"},
}


@pytest.mark.parametrize("step", NAMES)
def test_names_inside_expressions_are_those_that_may_stand_there(placed: Placed, spec: str, step: str) -> None:
    found = proposed(placed, with_step(spec, step))
    assert NAMES[step] <= found.keys() | ({"outputs"} if "until" in step else set())


def test_names_say_their_type(placed: Placed, spec: str) -> None:
    found = proposed(placed, with_step(spec, "{run: 'x ${{ inputs.│"))
    assert found["target"].detail == '"dev" | "prod"'
    assert found["shards"].detail == "integer (≥ 1, ≤ 8)"


def test_a_step_does_not_name_itself(placed: Placed, spec: str) -> None:
    found = proposed(placed, spec.replace("run: t ${{ matrix.shard }}", "run: t ${{ steps.│ }}"))
    assert found.keys() == {"bundle", "look", "last"}


def test_the_properties_of_an_answer_are_known(placed: Placed, spec: str) -> None:
    kind = "{type: object, properties: {verdict: {enum: [ship, hold]}, notes: {type: array, items: {type: string}}}}"
    wide = spec.replace("      dist:", f"      answer: {kind}\n      dist:")
    analysis, line, column = placed(wide.replace("outputs.dist }}/*", "outputs.answer.│ }}/*"))
    found = {item.label: item.detail for item in complete(analysis, line, column)}
    assert found == {"verdict": '"ship" | "hold"', "notes": "list of text"}
    analysis, line, column = placed(wide.replace("outputs.dist }}/*", "outputs.answer.notes.│ }}/*"))
    assert {"join", "filter"} <= {item.label for item in complete(analysis, line, column)}
    analysis, line, column = placed(wide.replace("outputs.dist }}/*", "outputs.answer.nothing.│ }}/*"))
    assert complete(analysis, line, column) == []


def test_a_matrix_is_known_in_its_step_only(placed: Placed, spec: str) -> None:
    assert "shard" in proposed(placed, spec.replace("${{ matrix.shard }}", "${{ matrix.│ }}"))
    assert "matrix" not in proposed(placed, with_step(spec, "{run: 'x ${{ │"))


def test_the_axis_and_parameters_of_a_template_are_known(placed: Placed, spec: str) -> None:
    assert "folder" in proposed(placed, spec.replace("${{ params.folder }}", "${{ params.│ }}"))


@pytest.mark.parametrize("text", ["# │", "steps: {a: {run: |\n  text │", "'│", "labels: {a: │", "a:\n  zz: {│"])
def test_where_nothing_is_known_nothing_is_proposed(placed: Placed, text: str) -> None:
    assert proposed(placed, text) == {}
