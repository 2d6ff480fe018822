"""What the rules do at their edges: where they stay silent, and where exactly they point."""

from __future__ import annotations

import pytest

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.document import read
from runner.compiler.rules import check_all
from runner.compiler.surroundings import Settings, Surroundings

HEAD = "spec: 1\nname: demo\n"


def found(text: str, code: str, around: Surroundings | None = None) -> list[Diagnostic]:
    document = read((HEAD + text).encode(), "a.yaml")
    findings = check_all(document, around) if around else check_all(document)
    return [one for one in findings if one.code == code]


def mended(text: str, one: Diagnostic) -> str:
    """The lines below the head after the fix of a finding."""
    assert one.fix is not None
    lines = (HEAD + text).split("\n")
    span = one.fix.span
    line = lines[span.line - 1]
    lines[span.line - 1] = line[: span.column - 1] + one.fix.replacement + line[span.end_column - 1 :]
    return "\n".join(lines).removeprefix(HEAD)


@pytest.mark.parametrize(
    ("after", "left"),
    [
        ("[a]", "[]"),
        ("[a, b]", "[b]"),
        ("[b, a]", "[b]"),
        ("[b, 'a', c]", "[b, c]"),
        ("[ b , a ]", "[ b ]"),
    ],
)
def test_a_step_that_waits_for_itself_is_taken_out_of_the_list(after: str, left: str) -> None:
    text = "steps: {{a: {{run: x, after: {}}}, b: {{run: x}}, c: {{run: x}}}}"
    (one,) = found(text.format(after), "needs-self")
    assert mended(text.format(after), one) == text.format(left)


@pytest.mark.parametrize(
    "text",
    [
        "steps: {a: {run: x, after: a}}",
        "steps:\n  a:\n    run: x\n    after:\n      - a\n      - b\n  b: {run: x}",
        "steps:\n  a: {run: x, after: [&me a, b]}\n  b: {run: x, after: [*me]}\n  c: {run: x, after: [b,\n   c]}",
        "labels: {x: &me a}\nsteps:\n  b: {run: x}\n  a: {run: x, after: [*me, b]}",
    ],
)
def test_no_edit_is_offered_where_the_comma_is_not_known(text: str) -> None:
    for one in found(text, "needs-self"):
        assert one.fix is None or "&me" in text


def test_a_matrix_as_a_whole_stands_for_its_axes() -> None:
    assert found("steps: {a: {run: 'x ${{ matrix }}', matrix: {i: [1, 2]}}}", "axis-unused") == []


def test_an_axis_may_only_say_how_often() -> None:
    assert found("steps: {a: {run: x, matrix: {attempt: [1, 2]}}}", "axis-unused") == []
    assert len(found("steps: {a: {run: x, matrix: {shard: [1, 2]}}}", "axis-unused")) == 1


def test_where_only_approvals_have_owners_only_they_need_one() -> None:
    steps = "agents: {anna: {human: true}}\nsteps: {a: {approve: {prompt: Go?}, owner: anna}, b: {run: x}"
    assert found(steps + "}", "owner-missing") == []
    assert (
        len(
            found(
                steps + ", c: {approve: {prompt: Sure?}, owner: anna}, d: {approve: {prompt: Well?}}}", "owner-missing"
            )
        )
        == 1
    )


def test_a_step_that_a_check_names_is_meant_to_be_needed() -> None:
    steps = "steps: {a: {run: a, outputs: {n: {type: integer}}}, b: {run: b}}\n"
    text = steps + "milestones: [{id: m, needs: [b], accept: [steps.a.outputs.n > 1]}]"
    assert found(text, "milestone-missing") == []
    assert len(found(text.replace("a.outputs", "b.outputs"), "milestone-missing")) == 1


@pytest.mark.parametrize("named", ["steps", "steps.build", "steps.build.outputs", "steps.biuld.outputs.x"])
def test_a_step_that_is_named_as_a_whole_has_its_outputs_read(named: str) -> None:
    text = "steps: {build: {run: a, outputs: {x: {type: string}}}}\noutputs: {o: {value: '${{ NAMED }}'}}"
    assert found(text.replace("NAMED", named), "output-unused") == []
    assert len(found(text.replace("NAMED", "run.id"), "output-unused")) == 1


def test_a_misspelt_axis_may_mean_any() -> None:
    assert found("steps: {a: {run: 'x ${{ matrix.s }}', matrix: {os: [a, b]}}}", "axis-unused") == []


def test_an_axis_that_is_no_list_is_told_by_the_schema_alone() -> None:
    text = "steps: {a: {run: x, matrix: {i: 3, j: oops, k: []}}}"
    assert found(text, "axis-unused") == []


def test_a_date_that_is_none_is_told_by_the_schema_alone() -> None:
    text = "steps: {a: {run: x}}\nmilestones: [{id: m, due: 2030-13-45, needs: [a]}, {id: n, due: soon, needs: [a]}]"
    assert found(text, "milestone-date") == []


@pytest.mark.parametrize(
    ("due", "last"),
    [("2030-02-29", "2030-02-28"), ("2028-02-30", "2028-02-29"), ("2030-12-32", ""), ("2030-04-31", "2030-04-30")],
)
def test_the_last_day_of_the_month_is_offered(due: str, last: str) -> None:
    text = f"steps: {{a: {{run: x}}}}\nmilestones: [{{id: m, due: {due}, needs: [a]}}]"
    assert [one.fix.replacement for one in found(text, "milestone-date") if one.fix] == [last or "2030-12-31"]


def test_the_latest_of_several_late_deliveries_is_told_first() -> None:
    text = (
        "steps: {a: {run: x}, b: {run: x}, c: {run: x, after: [a, b]}}\nmilestones:\n"
        "  - {id: one, week: 1, needs: [c]}\n  - {id: two, week: 2, needs: [a]}\n  - {id: three, week: 3, needs: [b]}\n"
    )
    (one,) = found(text, "milestone-order")
    assert "`b` and 1 more, and that is delivered only by `three` (week 3)" in one.message
    assert [related.message for related in one.related] == ["`two` delivers `a`", "`three` delivers `b`"]


def test_how_much_an_owner_may_have_is_a_setting() -> None:
    text = (
        "agents: {anna: {human: true}}\nsteps: {a: {run: x, owner: anna}, b: {run: x, owner: anna}}\n"
        "milestones: [{id: m, week: 1, needs: [a, b]}, {id: n, due: 2030-01-01, needs: [b]}]"
    )
    assert found(text, "owner-overloaded") == []
    (one,) = found(text, "owner-overloaded", Surroundings(Settings(owner_load=1)))
    assert "`anna` owns 2 steps of the milestone `m`; more than 1 are too many" in one.message


def test_a_step_counts_for_the_first_milestone_that_needs_it() -> None:
    text = (
        "agents: {anna: {human: true}}\nsteps: {a: {run: x, owner: anna}, b: {run: x, owner: anna}}\n"
        "milestones: [{id: n, week: 2, needs: [a, b]}, {id: m, week: 1, needs: [a]}]"
    )
    assert found(text, "owner-overloaded", Surroundings(Settings(owner_load=1))) == []


def test_a_wrong_value_is_shown_where_it_stands() -> None:
    text = (
        "inputs: {o: {type: object, properties: {rows: {type: array, items: {type: integer}}}, default: {rows: [1, x]}}"
        "}\nsteps: {a: {run: 'echo ${{ inputs.o.rows.size() }}'}}"
    )
    (one,) = found(text, "input-default")
    assert (one.span.line, one.span.column) == (3, text.index("x]") + 1)


def test_a_name_with_a_point_in_it_is_shown_with_all_of_its_value() -> None:
    text = "inputs: {o: {type: object, properties: {a.b: {type: integer}}, default: {a.b: x}}}\nsteps: {a: {run: x}}"
    (one,) = found(text, "input-default")
    assert one.span.column == text.index("{a.b: x") + 1


def test_combinations_that_are_too_many_to_compare_are_told() -> None:
    numbers = ", ".join(map(str, range(150)))
    rows = ", ".join(f"{{i: {number}, k: 1}}" for number in range(100))
    text = (
        f"steps: {{a: {{run: 'x ${{{{ matrix.i }}}}', matrix: {{i: [{numbers}], j: [{numbers}], include: [{rows}]}}}}}}"
    )
    (one,) = found(text, "matrix-size")
    assert "22,500 combinations and 100 rows to compare them with" in one.message


def test_an_exclude_of_several_axes_names_the_value_that_none_has() -> None:
    text = "steps: {a: {run: x, matrix: {os: [linux, mac], n: [1, 2], exclude: [{os: mac, n: 3}, {os: mac, n: 1}]}}}"
    (one,) = found(text, "matrix-exclude")
    assert one.hint == "correct its values, or remove it"


def test_a_row_put_in_again_after_it_was_left_out_is_no_mistake() -> None:
    text = "steps: {a: {run: x, matrix: {os: [linux, mac], exclude: [{os: mac}], include: [{os: mac}]}}}"
    assert found(text, "matrix-include") == []


def test_a_dead_step_is_told_once_though_many_wait() -> None:
    steps = ", ".join(f"s{n}: {{run: x, after: [a]}}" for n in range(20))
    (one,) = found(f"steps: {{a: {{run: x, if: 'false'}}, {steps}}}", "step-unreachable")
    assert "`s0` and 19 more never run" in one.message


def test_names_in_tests_are_left_alone_where_nothing_is_declared_here() -> None:
    text = (
        "steps: {a: {workflow: other.yaml}}\n"
        "tests: [{name: t, stubs: {a: {outputs: {anything: 1}}}, expect: {steps: {a: {outputs: {more: 2}}}}}]"
    )
    assert found(text, "test-names") == []
    assert found(text, "test-values") == []


def test_retry_that_is_one_number_is_fine() -> None:
    assert found("steps: {a: {run: x, retry: 3}}", "retry-ineffective") == []


def test_a_variable_of_all_steps_that_defaults_repeat_is_told_there() -> None:
    text = "env: {A: x}\ndefaults: {env: {A: x}}\nsteps: {a: {run: x}}\nfinally: {run: x, env: {A: x}}"
    assert [one.message for one in found(text, "env-redundant")] == [
        "the variable `A` of `defaults` has this value without it too",
        "the variable `A` of `finally` has this value without it too",
    ]


def test_a_step_that_looks_at_how_a_dead_one_ended_may_run() -> None:
    dead = "steps: {a: {run: a, if: false}, b: {run: b, after: [a], if: \"steps.a.state == 'skipped'\"}}"
    assert found(dead, "step-unreachable") == []
    alike = "steps: {a: {run: a, if: false}, b: {run: b, after: [a], if: \"run.name == 'state'\"}}"
    assert len(found(alike, "step-unreachable")) == 1


def test_a_step_that_is_dead_itself_is_not_told_for_the_one_before() -> None:
    assert found("steps: {a: {run: a, if: false}, c: {run: c, if: false, after: [a]}}", "step-unreachable") == []


def test_an_artifact_has_no_default_of_a_value() -> None:
    text = "steps: {a: {run: x, outputs: {n: {type: integer, default: 3}, d: {artifact: x, default: y}, e: 3}}}"
    assert [one.span.column for one in found(text, "default-unused")] == [text.index("default: 3") + 1]


def test_whole_multiples_must_fit_between_the_bounds() -> None:
    text = (
        "inputs: {a: {type: integer, multipleOf: STEP, minimum: 1, maximum: 4}}\nsteps: {a: {run: 'x ${{ inputs.a }}'}}"
    )
    assert [one.message for one in found(text.replace("STEP", "5"), "type-schema")] == [
        "no multiple of 5 lies from 1 to 4: no value fits (in the input `a`)"
    ]
    assert found(text.replace("STEP", "2"), "type-schema") == []
    assert found(text.replace("STEP", "0.5"), "type-schema") == []


def test_what_follows_from_an_impossible_condition_is_not_told() -> None:
    text = (
        "inputs: {n: {type: integer, maximum: 8, default: 1}}\n"
        "steps: {a: {run: a, if: inputs.n > 8}, b: {run: b, after: [a]}, c: {run: c, if: inputs.n > 7}}"
    )
    assert found(text, "step-unreachable") == []
