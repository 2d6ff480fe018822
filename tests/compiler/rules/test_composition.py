# ruff: noqa: E501 - a table of specs
"""The rules of templates and other workflows: where each fires, what it says, and the mended spec in which it is silent.

Several workflows stand in one text where one runs another.
"""

from __future__ import annotations

import pytest

from runner.compiler.compile import check
from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules import composition
from runner.compiler.surroundings import Surroundings

HEAD = "spec: 1\nname: demo\n"
LINT = "templates: {lint: {params: {path: {type: string}}, step: {run: 'lint ${{ params.path }}'}}}\n"
CHILD = "\n---\nspec: 1\nname: child\ninputs: {n: {type: integer}}\nsteps: {a: {run: 'x ${{ inputs.n }}'}}"

#: code → (wrong, part of the message, part of the hint, right).
CASES: dict[str, tuple[str, str, str, str]] = {
    "template-unknown": (
        LINT + "steps: {a: {use: lnit, with: {path: a}}, b: {use: lint, with: {path: a}}}",
        "the template `lnit`",
        "did you mean `lint`?",
        LINT + "steps: {a: {use: lint, with: {path: a}}}",
    ),
    "template-circle": (
        "templates: {a: {step: {use: b}}, b: {step: {use: a}}}\nsteps: {a: {use: a}}",
        "a → b → a",
        "a kind in one of them",
        "templates: {a: {step: {use: b}}, b: {step: {run: b}}}\nsteps: {a: {use: a}}",
    ),
    "template-unused": (
        "templates: {a: {step: {run: a}}}\nsteps: {a: {run: a}}",
        "the template `a`",
        "remove it",
        "templates: {a: {step: {run: a}}}\nsteps: {a: {use: a}}",
    ),
    "param-default": (
        "templates: {a: {params: {n: {type: integer, default: x}}, step: {run: 'a ${{ params.n }}'}}}\nsteps: {a: {use: a}}",
        "the default of the parameter `n`",
        "change the default",
        "templates: {a: {params: {n: {type: integer, default: 1}}, step: {run: 'a ${{ params.n }}'}}}\nsteps: {a: {use: a}}",
    ),
    "param-unused": (
        "templates: {a: {params: {n: {default: 1}}, step: {run: a}}}\nsteps: {a: {use: a}}",
        "never used by the template `a`",
        "remove it",
        "templates: {a: {params: {n: {default: 1}}, step: {run: a, if: params.n == 1}}}\nsteps: {a: {use: a}}",
    ),
    "use-ineffective": (
        "templates: {gate: {step: {approve: {prompt: Go?}}}}\nsteps: {a: {use: gate, env: {A: b}}}",
        "the template `gate` is a step of kind `approve`",
        "remove it",
        "templates: {gate: {step: {approve: {prompt: Go?}}}}\nsteps: {a: {use: gate, title: Gate}}",
    ),
    "workflow-file": (
        "steps: {a: {workflow: '#chil', with: {n: 1}}}" + CHILD,
        "no workflow `chil` in this file",
        "did you mean `child`?",
        "steps: {a: {workflow: '#child', with: {n: 1}}}" + CHILD,
    ),
    "workflow-circle": (
        "steps: {a: {workflow: '#demo'}}" + CHILD,
        "runs itself",
        "take this step out",
        "steps: {a: {run: a}}" + CHILD,
    ),
    "workflow-errors": (
        "steps: {a: {workflow: bad.yaml}}",
        "`bad.yaml` has an error",
        "correct that spec",
        "steps: {a: {workflow: good.yaml}}",
    ),
    "workflow-duplicate": (
        "steps: {a: {run: a}}" + CHILD.replace("child", "demo"),
        "the name `demo` already",
        "a name of its own",
        "steps: {a: {run: a}}" + CHILD,
    ),
    "workflow-output": (
        "steps: {a: {run: a, outputs: {n: {type: integer}}}}\noutputs: {n: {value: '${{ steps.a.outputs.n }}', type: string}}",
        "the output `n` of the workflow does not fit",
        "change the value",
        "steps: {a: {run: a, outputs: {n: {type: integer}}}}\noutputs: {n: {value: '${{ steps.a.outputs.n }}', type: integer}}",
    ),
    "with-unknown": (
        LINT + "steps: {a: {use: lint, with: {paht: a}}}",
        "the template `lint` has no parameter `paht`",
        "did you mean `path`?",
        LINT + "steps: {a: {use: lint, with: {path: a}}}",
    ),
    "with-missing": (
        "steps: {a: {workflow: '#child'}}" + CHILD,
        "the input `n` of the workflow `#child` is missing (`integer`)",
        "with: {n: …}",
        "steps: {a: {workflow: '#child', with: {n: 1}}}" + CHILD,
    ),
    "with-value": (
        "steps: {a: {workflow: '#child', with: {n: x}}}" + CHILD,
        '"x" is of type string, not `integer`',
        "change the value",
        "steps: {a: {workflow: '#child', with: {n: 1}}}" + CHILD,
    ),
    "trigger-inputs": (
        "inputs: {n: {type: integer}}\ntriggers: [{id: t, webhook: w}]\nsteps: {a: {run: 'a ${{ inputs.n }}'}}",
        "does not give `n`",
        "declare a default",
        "inputs: {n: {type: integer}}\ntriggers: [{id: t, webhook: w, inputs: {n: 1}}]\nsteps: {a: {run: 'a ${{ inputs.n }}'}}",
    ),
}


FILES = {
    "bad.yaml": b"spec: 1\nname: bad\nsteps: {a: {rnu: a}}",
    "good.yaml": b"spec: 1\nname: good\nsteps: {a: {run: a}}",
}


def found(text: str) -> list[Diagnostic]:
    return check((HEAD + text).encode(), "demo.yaml", Surroundings(read=FILES.__getitem__))


def test_the_errors_of_a_workflow_of_the_same_file_are_told_there() -> None:
    text = "steps: {a: {workflow: '#child', with: {n: 1}}}" + CHILD.replace("run:", "aftr: x, run:")
    assert [one.code for one in found(text)] == ["unknown-key"]


@pytest.mark.parametrize("code", CASES)
def test_fires_and_says_what_to_do(code: str) -> None:
    wrong, message, hint, right = CASES[code]
    first = next(one for one in found(wrong) if one.code == code)
    assert message in first.message
    assert hint in first.hint
    assert found(right) == []


def test_every_rule_of_the_chapter_has_a_case() -> None:
    assert set(CASES) == {module.CODE for module in composition.RULES}


@pytest.mark.parametrize(
    ("given", "wanted", "fits"),
    [
        ("{type: integer}", "{type: number}", True),
        ("{type: number}", "{type: integer}", True),
        ("{type: string}", "{type: number}", False),
        ("{enum: [a, b]}", "{enum: [b, c]}", True),
        ("{enum: [a, b]}", "{enum: [c]}", False),
        ("{const: a}", "{type: string, minLength: 2}", False),
        ("{type: array, items: {type: integer}}", "{type: array, items: {type: string}}", False),
        ("{type: array}", "{type: array, items: {type: string}}", True),
        ("{type: object, properties: {k: {type: integer}}}", "{type: object, required: [j]}", False),
        ("{type: object, properties: {k: {type: integer}}, additionalProperties: true}", "{type: object, required: [j]}", True),
        ("{type: object, properties: {k: {type: integer}}}", "{type: object, properties: {k: {type: string}}}", False),
        ("{type: object, properties: {k: {type: integer}}}", "{type: object, properties: {k: {type: integer}}, required: [k]}", True),
        ("{type: object}", "{type: object, required: [k]}", True),
        ("{type: [string, 'null']}", "{type: string}", True),
    ],
)  # fmt: skip
def test_types_are_compared_to_the_leaf(given: str, wanted: str, fits: bool) -> None:
    if "'null'" in given:
        given = "{}"
    spec = (
        f"templates: {{t: {{params: {{p: {wanted}}}, step: {{run: a, if: params.p == params.p || true}}}}}}\n"
        f"steps: {{a: {{run: a, outputs: {{o: {given}}}}}, b: {{use: t, with: {{p: '${{{{ steps.a.outputs.o }}}}'}}}}}}"
    )
    assert ("with-value" in [one.code for one in found(spec)]) is not fits


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("'${{ inputs.n }}'", "of type `integer`, not `array`"),
        ("['${{ inputs.n }}', a]", "of type `integer`, not `string`"),
        ("[{k: '${{ inputs.n }}'}]", "of type object, not `string`"),
        ("{k: '${{ inputs.n }}'}", "of type object, not `array`"),
    ],
)
def test_a_value_with_expressions_inside_is_judged_where_it_is_wrong(value: str, sentence: str) -> None:
    spec = (
        "inputs: {n: {type: integer, default: 1}}\n"
        "templates: {t: {params: {p: {type: array, items: {type: string}}}, step: {run: 'a ${{ params.p.size() }}'}}}\n"
    )
    (one,) = found(spec + f"steps: {{a: {{use: t, with: {{p: {value}}}}}}}")
    assert one.code == "with-value"
    assert sentence in one.message


def test_maps_with_expressions_are_judged_key_by_key() -> None:
    spec = (
        "inputs: {n: {type: integer, default: 1}}\n"
        "templates: {t: {params: {p: {type: object, properties: {a: {type: string}}}}, step: {run: 'a ${{ params.p.a }}'}}}\n"
    )
    wrong = found(spec + "steps: {a: {use: t, with: {p: {a: '${{ inputs.n }}', other: '${{ inputs.n }}'}}}}")
    assert [(one.code, one.span.line, one.span.column) for one in wrong] == [("with-value", 5, 35)]


def test_a_type_inside_an_input_or_a_parameter_is_known() -> None:
    spec = (
        "inputs: {o: {type: object, properties: {k: {type: integer}}, default: {k: 1}}}\n"
        "templates:\n"
        "  inner: {params: {s: {type: string}}, step: {run: 'a ${{ params.s }}'}}\n"
        "  outer: {params: {m: {type: object, properties: {k: {type: integer}}}}, step: {use: inner, with: {s: '${{ params.m.k }}'}}}\n"
        "steps: {a: {use: outer, with: {m: '${{ inputs.o }}'}}, b: {use: inner, with: {s: '${{ inputs.o.k }}'}}}"
    )
    assert [(one.code, one.span.line) for one in found(spec)] == [("with-value", 6), ("with-value", 7)]


def test_a_parameter_that_is_not_there_is_told_once() -> None:
    spec = (
        "templates:\n"
        "  inner: {params: {s: {type: string}}, step: {run: 'a ${{ params.s }}'}}\n"
        "  outer: {params: {m: {type: integer}}, step: {use: inner, with: {s: '${{ params.n }}'}, if: params.m > 0}}\n"
        "steps: {a: {use: outer, with: {m: 1}}}"
    )
    assert [one.code for one in found(spec)] == ["expression-unknown"]


def test_the_fix_of_a_misspelt_name_is_its_name() -> None:
    (unknown,) = found(LINT + "steps: {a: {use: lint, with: {paht: a}}}")
    assert unknown.fix is not None
    assert (unknown.fix.replacement, unknown.fix.span) == ("path", unknown.span)
    (absent,) = found("steps: {a: {workflow: '#chil', with: {n: 1}}}" + CHILD)
    assert absent.fix is not None
    assert absent.fix.replacement == '"#child"'
