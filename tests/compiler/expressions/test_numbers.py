"""Numbers as people write them: what is checked runs, and gives what everybody expects."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.compiler.canonical import Json
from runner.compiler.expressions import evaluate
from runner.compiler.expressions.check import check
from runner.compiler.expressions.promote import promoted
from runner.compiler.expressions.symbols import Scope, symbol_of
from runner.compiler.expressions.types import from_schema
from runner.errors import ExpressionFailed

SCHEMAS: dict[str, dict[str, Json]] = {
    "r": {"type": "number"},
    "n": {"type": "integer"},
    "s": {"type": "string"},
    "b": {"type": "boolean"},
    "l": {"type": "array", "items": {"type": "integer"}},
    "t": {"type": "array", "items": {"type": "string"}},
    "e": {"enum": ["dev", "prod"]},
    "o": {"type": "object", "properties": {"k": {"type": "number"}, "w": {"type": "string"}}},
    "m": {"type": "object", "additionalProperties": {"type": "integer"}},
    "z": {"enum": ["dev", None]},
}
VALUES: dict[str, Json] = {
    "r": 2.5,
    "n": 3,
    "s": "7",
    "b": True,
    "l": [1, 2],
    "t": ["a"],
    "e": "dev",
    "o": {"k": 0.5, "w": "x"},
    "m": {"u": 1},
    "z": None,
}
SCOPE = Scope({f"inputs.{name}": symbol_of(from_schema(schema)) for name, schema in SCHEMAS.items()}, ("inputs",))


def run(expression: str) -> Json:
    return evaluate(expression, {"inputs": VALUES})


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("inputs.r > 2", True),
        ("2 < inputs.r", True),
        ("inputs.r == 2.5", True),
        ("inputs.n >= 2.5", True),
        ("size(inputs.l) > 1.5", True),
        ("double(inputs.n) > 2", True),
        ("inputs.r * 2", 5.0),
        ("2 * inputs.r", 5.0),
        ("inputs.r + 1", 3.5),
        ("1 - inputs.r", -1.5),
        ("inputs.r / 2", 1.25),
        ("inputs.n / 2", 1),
        ("-7 / 2 + inputs.n * 0", -3),
        ("(0 - inputs.n) / 2", -1),
        ("inputs.n * 2.5", 7.5),
        ("inputs.n * 2", 6),
        ("(inputs.n + 1) * 0.5", 2.0),
        ("inputs.l.map(i, i * 2)", [2, 4]),
        ("inputs.b ? 1 : 2.5", 1),
        ("inputs.b ? null : inputs.s", None),
        ("(inputs.b ? 1 : 2.5) + inputs.r", 3.5),
        ("inputs.r * [1, 2.5][0]", 2.5),
        ("math.least(1, 2.5) - inputs.r", -1.5),
        ("math.greatest(inputs.l) + 1", 3),
        ("(inputs.b ? 'x' : 'y') + 'z'", "xz"),
        ("inputs.r * 2 > 4 && inputs.n - 1 < 2.5", True),
        ("[inputs.r, 1]", [2.5, 1]),
        ("'x' + string(inputs.n + 1)", "x4"),
    ],
)
def test_what_is_checked_runs(expression: str, value: Json) -> None:
    verdict = check(expression, SCOPE)
    assert verdict.troubles == ()
    found = run(expression)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("inputs.n / 0", "divide by zero"),
        ("inputs.n + 9223372036854775807", "overflow"),
        ("inputs.s + 1", "_+_"),
    ],
)
def test_what_cannot_be_computed_fails_in_the_words_of_cel(expression: str, words: str) -> None:
    with pytest.raises(ExpressionFailed) as caught:
        run(expression)
    assert words in caught.value.message


def test_a_number_by_zero_is_infinite_and_zero_by_zero_is_no_number() -> None:
    assert run("inputs.r / 0") == float("inf")
    assert run("(0 - inputs.r) / 0") == float("-inf")
    assert str(run("(inputs.r - inputs.r) / 0")) == "nan"


def test_only_what_needs_it_is_written_anew() -> None:
    for text in ("inputs.n + inputs.n", "inputs.e == 'dev'", "1 +", "inputs.n > 3", "size(inputs.l)", "[1, {'a': 2}]"):
        assert promoted(text) == text
    assert promoted("( inputs.r *  2 ) > 3") == "dyn(( __times__(inputs.r, 2) )) > 3"


ATOMS = ["1", "2.5", "'a'", "'dev'", "true", "inputs.o.k", "inputs.l[0]", *(f"inputs.{name}" for name in SCHEMAS)]
FUNCTIONS = ["size", "string", "int", "double", "bool", "!", "-", "math.greatest", "math.abs", "math.ceil", "duration"]
METHODS = [
    *("size()", "startsWith('a')", "join(' ')", "lowerAscii()", "split('-')", "replace('a', 'b')", "charAt(0)"),
    *("substring(1)", "indexOf('a')", "matches('a+')", "getMinutes()", "a", "k"),
    *("all(i, i == i)", "exists(i, i > 1)", "exists_one(i, i == 'a')", "map(i, i)", "map(i, i.k)"),
]
EXPRESSIONS = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.builds(
            "({} {} {})".format,
            inner,
            st.sampled_from(["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"]),
            inner,
        ),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("[{0}, {0}]".format, inner),  # of one type: a list of several may hold any value
        st.builds("{}({})".format, st.sampled_from(FUNCTIONS), inner),
        st.builds("math.least({}, {})".format, inner, inner),
        st.builds("{}.{}".format, inner, st.sampled_from(METHODS)),
        st.builds("{}.startsWith({})".format, inner, inner),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("{{'a': {}, 'dev': {}}}".format, inner, inner),
        st.builds("{}.map(i, i + {})".format, inner, inner),
        st.builds("{}.filter(i, i == {})".format, inner, inner),
    ),
    max_leaves=5,
)
_VALUES_DECIDE = (
    "divide by zero|overflow|modulus|out of|invalid|conver|index|pars|no such key|not found in map|must not be empty"
    "|greater than|range"
)


@settings(max_examples=400)
@given(EXPRESSIONS)
def test_an_expression_without_a_finding_never_fails_for_its_types(expression: str) -> None:
    if check(expression, SCOPE).sound:
        assert re.search(_VALUES_DECIDE, failure(expression)) or not failure(expression), expression


def failure(expression: str) -> str:
    """Why it cannot be computed, "" when it can."""
    try:
        run(expression)
    except ExpressionFailed as failed:
        return failed.message.lower()
    return ""
