"""Expressions at run time: values in, a value out, and failures that tell no secret."""

from __future__ import annotations

import pytest

from runner.compiler.canonical import Json
from runner.compiler.expressions import evaluate, render
from runner.errors import ExpressionFailed

VARIABLES: dict[str, Json] = {
    "inputs": {"n": 3, "f": 2.5, "s": "x y", "b": True, "l": [1, "a", None], "o": {"k": {"deep": [1]}}},
    "matrix": {"shard": 0},
    "secrets": {"token": "s3cr3t-value", "empty": ""},
    "run": {"id": "r1", "name": "demo"},
    "steps": {"a": {"state": "failed", "outputs": {"size": 9}}},
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("inputs.n", 3),
        ("inputs.n + 1", 4),
        ("inputs.f * 2.0", 5.0),
        ("inputs.b && inputs.n > 2", True),
        ("inputs.l", [1, "a", None]),
        ("inputs.o.k.deep[0]", 1),
        ("range(inputs.n)", [0, 1, 2]),
        ("range(1, 3)", [1, 2]),
        ("range(-1)", []),
        ("steps.a.state == 'failed'", True),
        ("steps.a.outputs.size < 500", True),
        ("{'a': [1, 2.5, 'x']}", {"a": [1, 2.5, "x"]}),
        ("inputs.s.split(' ')", ["x", "y"]),
        ("math.greatest(1, 2)", 2),
        ("null", None),
        ("1u", 1),
        ("b'ab'", "YWI="),
        ("duration('90s')", 90.0),
        ("timestamp('2026-01-02T03:04:05Z')", "2026-01-02T03:04:05Z"),
    ],
)
def test_evaluate(expression: str, value: Json) -> None:
    found = evaluate(expression, VARIABLES)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("inputs.nope", "nope"),
        ("1 / 0", "divide by zero"),
        ("range(99999999)", "more than 10000"),
        ("hash('a')", "only in a cache key"),
        ("nope", "cannot be evaluated"),
        ("1 +", "cannot be evaluated"),
        ("", "cannot be evaluated"),
        ("type(1)", "no JSON value"),
        ("inputs.n + 'a'", "overload"),
    ],
)
def test_failures_name_the_expression(expression: str, words: str) -> None:
    with pytest.raises(ExpressionFailed) as caught:
        evaluate(expression, VARIABLES)
    assert f"`{expression}`" in caught.value.message
    assert words in caught.value.message


def test_a_failure_does_not_tell_the_secret() -> None:
    with pytest.raises(ExpressionFailed) as caught:
        evaluate("inputs.o[secrets.token]", VARIABLES)
    assert "s3cr3t-value" not in str(caught.value.message) + caught.value.hint


def test_missing_contexts_are_empty() -> None:
    assert evaluate("size(inputs)", {}) == 0


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("${{ inputs.n }}", 3),
        ("${{ inputs.l }}", [1, "a", None]),
        ("n=${{ inputs.n }}", "n=3"),
        ("${{ inputs.s }}/${{ inputs.b }}", "x y/true"),
        ("x ${{ inputs.l }}", 'x [1,"a",null]'),
        ("x ${{ {'a': {'b': 'ü'}} }}", 'x {"a":{"b":"ü"}}'),
        ("${{ '}}' }}!", "}}!"),
        ("$5 {{ x }}", "$5 {{ x }}"),
        ("Bearer ${{ secrets.token }}", "Bearer s3cr3t-value"),
    ],
)
def test_render(template: str, value: Json) -> None:
    assert render(template, VARIABLES) == value


@pytest.mark.parametrize("template", ["a ${{ inputs.n", "${{ {'a': 1 }", "${{ } }}"])
def test_an_unclosed_expression_fails(template: str) -> None:
    with pytest.raises(ExpressionFailed, match="not closed"):
        render(template, VARIABLES)
