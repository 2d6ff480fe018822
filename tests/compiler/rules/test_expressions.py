"""The expression rules over whole specs: what they know of each place, and what they mend."""

from __future__ import annotations

import pytest

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.document import read
from runner.compiler.rules import check_all

HEAD = "spec: 1\nname: demo\n"


def findings(text: str) -> list[Diagnostic]:
    return check_all(read((HEAD + text).encode(), "a.yaml"))


def codes(text: str) -> list[str]:
    return [one.code for one in findings(text)]


def mended(text: str) -> str:
    """The text with the edit of its only finding that has one."""
    (one,) = [one for one in findings(text) if one.fix]
    assert one.fix is not None
    lines = (HEAD + text).split("\n")
    span = one.fix.span
    line = lines[span.line - 1]
    lines[span.line - 1] = line[: span.column - 1] + one.fix.replacement + line[span.end_column - 1 :]
    return "\n".join(lines).removeprefix(HEAD)


TARGET = "inputs: {t: {enum: [dev, prod], default: dev}}\n"
NAME = "inputs: {name: {type: string, default: a}}\n"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("steps:\n  a:\n    run: a\n    if: ${{ run.id == 'x' }}\n", "    if: run.id == 'x'\n"),
        (TARGET + "steps: {a: {run: a, if: inputs.t == 'prood'}}\n", "inputs.t == 'prod'}}"),
        (TARGET + "steps: {a: {run: a, if: 'inputs.t == ''prood'''}}\n", "inputs.t == ''prod'''}}"),
        (NAME + "steps: {a: {run: 'echo ${{ inputs.nmae }}'}}\n", "inputs.name }}"),
        (NAME + "steps: {a: {run: 'echo {{ inputs.name }}'}}\n", "echo ${{ inputs.name }}"),
    ],
)
def test_a_fix_mends_the_finding(wrong: str, right: str) -> None:
    assert right in mended(wrong)
    assert codes(mended(wrong)) == []


@pytest.mark.parametrize("text", ["${{ run.name != 'x' }}", "'x' == ${{ run.id }}", "${{ run.id + ': ' == 'a: ' }}"])
def test_brackets_that_cannot_just_go_are_left_to_the_author(text: str) -> None:
    quoted = text.replace("'", "''")
    (one,) = findings(f"steps:\n  a:\n    run: a\n    if: '{quoted}'\n")
    assert one.code == "expression-bare"
    assert one.fix is None


OUTPUT = "outputs: {x: {type: integer}}"
USE = "b: {run: 'b ${{ steps.a.outputs.x }}'"


@pytest.mark.parametrize(
    ("steps", "doubtful"),
    [
        (f"a: {{run: a, if: run.id == 'x', {OUTPUT}}}, {USE}}}", False),
        (f"a: {{run: a, allow_failure: true, {OUTPUT}}}, {USE}}}", True),
        (f"a: {{run: a, allow_failure: true, {OUTPUT}}}, {USE}, if: steps.a.state == 'succeeded'}}", False),
        (f"a: {{run: a, {OUTPUT}}}, m: {{run: m, after: [a]}}, {USE}, if: steps.m.state == 'succeeded'}}", False),
        (f"a: {{run: a, {OUTPUT}}}, m: {{run: m, after: [a]}}, {USE}, if: steps.m.state == 'failed'}}", True),
        (
            f"a: {{run: a, {OUTPUT}, allow_failure: true}}, m: {{run: m, after: [a]}}, "
            f"{USE}, if: steps.m.state == 'succeeded'}}",
            True,
        ),
        (
            f"z: {{run: z}}, a: {{run: a, {OUTPUT}}}, m: {{run: m, after: [a], if: steps.z.state == 'failed'}}, "
            f"{USE}, if: steps.m.state == 'succeeded'}}",
            True,
        ),
        (
            f"a: {{run: 'a ${{{{ matrix.i }}}}', matrix: {{i: [1]}}, {OUTPUT}, allow_failure: true}}, "
            "b: {run: b, if: size(steps.a.outputs.x) > 2}",
            False,
        ),
    ],
)
def test_which_steps_may_have_no_outputs(steps: str, doubtful: bool) -> None:
    assert [code for code in codes(f"steps: {{{steps}}}") if code.startswith(("skip", "expr"))] == (
        ["skipped-upstream"] if doubtful else []
    )


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("milestones: [{id: m, week: 1, needs: [b], accept: [steps.a.outputs.x > 1]}]", []),
        ("policies: [{id: p, do: pause, when: steps.a.outputs.x > 1}]", ["skipped-upstream"]),
        ("policies: [{id: p, do: pause, when: steps.a.state == 'succeeded' && steps.a.outputs.x > 1}]", []),
        ("outputs: {o: {value: '${{ steps.a.outputs.x }}'}}", []),
        ("outputs: {o: {value: '${{ steps.c.outputs.x }}'}}", ["skipped-upstream"]),
        ("outputs: {o: {value: '${{ steps.d.outputs.x }}'}}", ["skipped-upstream"]),
        ("on_failure: {run: 'c ${{ steps.b.state }}'}", []),
    ],
)
def test_other_places_that_name_outputs(rest: str, expected: list[str]) -> None:
    steps = (
        f"a: {{run: a, {OUTPUT}}}, b: {{run: b, after: [a]}}, c: {{run: c, if: run.id == 'x', {OUTPUT}}}, "
        f"d: {{run: d, after: [c], {OUTPUT}}}"
    )
    found = [code for code in codes(f"steps: {{{steps}}}\n{rest}") if code.startswith(("skip", "expr"))]
    assert found == expected


def test_a_condition_that_asks_for_a_state_may_be_always_true() -> None:
    always = "steps.a.state in ['succeeded', 'failed', 'skipped', 'cancelled']"
    assert codes(f'steps: {{a: {{run: a}}, b: {{run: b, if: "{always}"}}}}') == []


def test_a_step_that_is_switched_off_is_a_warning_and_one_that_can_never_run_an_error() -> None:
    (off,) = findings("steps: {a: {run: a, if: false}}")
    for condition in ("run.id != run.id", "'!true'"):
        (never,) = findings(f"steps: {{a: {{run: a, if: {condition}}}}}")
        assert (never.code, never.severity) == ("expression-constant", "error")
        assert "the step `a` never runs" in never.message
    assert (off.code, off.severity) == ("expression-constant", "warning")


def test_a_mistake_in_many_places_is_told_in_each_place_once() -> None:
    steps = "".join(f"  s{i}: {{run: 'a ${{{{ inputs.m }}}} ${{{{ inputs.name }}}}'}}\n" for i in range(50))
    found = [one for one in findings(f"{NAME}steps:\n{steps}") if one.code == "expression-unknown"]
    assert [one.span.line for one in found] == list(range(5, 55))


def test_the_brackets_of_others_are_no_finding_where_they_mean_something_else() -> None:
    lines = [
        "docker ps --format '{{ .Names }}' ${NAME} $inputs",
        "# {{ inputs.name }}",
        "echo ${{ inputs.name }} {{ inputs.other }}",
    ]
    script = "".join(f"      {line}\n" for line in lines)
    assert codes(f"{NAME}steps:\n  a:\n    run: |\n{script}") == []


def test_parameters_in_the_brackets_of_others_are_found() -> None:
    template = "templates: {t: {params: {p: {type: string}}, step: {run: 'echo ${params.p} ${{ params.p }}'}}}\n"
    assert codes(template + "steps: {a: {use: t, with: {p: x}}}") == ["expression-bare"]


def test_a_matrix_too_large_to_be_written_out_is_not_asked_who_has_which_key() -> None:
    axes = ", ".join(f"{name}: [{', '.join(map(str, range(50)))}]" for name in "abcdef")
    used = " ".join(f"${{{{ matrix.{name} }}}}" for name in "abcdefz")
    assert codes(f"steps: {{a: {{run: 'x {used}', matrix: {{{axes}, include: [{{a: 1, z: 1}}]}}}}}}") == ["matrix-size"]


def test_legs_that_are_not_known_yet_are_not_asked_either() -> None:
    matrix = "{i: '${{ range(2) }}', include: [{i: 1, z: 1}]}"
    assert codes(f"steps: {{a: {{run: 'x ${{{{ matrix.i }}}} ${{{{ matrix.z }}}}', matrix: {matrix}}}}}") == []


def test_a_program_may_have_brackets_of_its_own() -> None:
    script = "script: {language: python, code: 'print(\"{{ inputs.name }}\")'}, env: {A: '${{ inputs.name }}'}"
    assert codes(f"{NAME}steps: {{a: {{{script}}}}}") == []
