"""Values against declared types: what does not fit is said in a sentence."""

from __future__ import annotations

import pytest

from runner.compiler.canonical import Json
from runner.compiler.values import coerced, problems, shown

FITS: list[tuple[dict[str, Json], Json]] = [
    ({}, {"anything": [1]}),
    ({"type": "integer"}, 3),
    ({"type": "integer"}, 3.0),
    ({"type": "number"}, 3),
    ({"type": ["string", "null"]}, None),
    ({"enum": [1, "a"]}, "a"),
    ({"const": None}, None),
    ({"type": "string", "pattern": "^a"}, "abc"),
    ({"type": "string", "pattern": "("}, "abc"),
    ({"type": "number", "multipleOf": 0.5}, 1.5),
    ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True}, [1, 2]),
    ({"type": "array", "items": True}, [1, 1]),
    ({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"a": 1, "b": 2}),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, {"b": 2}),
    ({"type": "integer", "minimum": "no", "maximum": True}, 3),
]
WRONG: list[tuple[dict[str, Json], Json, str]] = [
    ({"type": "integer"}, "3", '"3" is of type string, not `integer`'),
    ({"type": "integer"}, True, "true is of type boolean, not `integer`"),
    ({"type": "integer"}, 3.5, "3.5 is of type number, not `integer`"),
    ({"type": ["string", "null"]}, 1, "1 is of type integer, not `string` or `null`"),
    ({"type": "boolean"}, None, "null is of type null, not `boolean`"),
    ({"type": "string"}, ["a"], '["a"] is of type array, not `string`'),
    ({"enum": [1, "dev"]}, True, 'true is not one of 1, "dev"'),
    ({"enum": ["dev"]}, "dve", '"dve" is not one of "dev"; did you mean `dev`?'),
    ({"const": 1}, True, "true is not 1"),
    ({"minimum": 2}, 1, "1 is less than the minimum 2"),
    ({"maximum": 2}, 3, "3 is more than the maximum 2"),
    ({"exclusiveMinimum": 2}, 2, "2 is not more than 2"),
    ({"exclusiveMaximum": 2}, 2, "2 is not less than 2"),
    ({"multipleOf": 2}, 3, "3 is not a multiple of 2"),
    ({"minLength": 2}, "a", '"a" has 1 characters, at least 2 are needed'),
    ({"maxLength": 1}, "ab", '"ab" has 2 characters, at most 1 are allowed'),
    ({"pattern": "^b"}, "ab", '"ab" does not match the pattern ^b'),
    ({"minItems": 1}, [], "the list has 0 items, at least 1 are needed"),
    ({"uniqueItems": True}, [1, 1], "[1]: 1 is in the list twice"),
    ({"items": {"type": "integer"}}, [1, "a"], '[1]: "a" is of type string, not `integer`'),
    ({"required": ["a", 3]}, {}, "`a` is missing"),
    ({"properties": {"a": {"properties": {"b": {"const": 1}}}}}, {"a": {"b": 2}}, "a.b: 2 is not 1"),
    ({"properties": {"a": {}}, "additionalProperties": False}, {"b": 1}, "`b` is not allowed; allowed: `a`"),
    ({"additionalProperties": False}, {"b": 1}, "`b` is not allowed; allowed: nothing"),
    ({"additionalProperties": {"type": "string"}}, {"b": 1}, "b: 1 is of type integer, not `string`"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "value"), FITS)
def test_fits(schema: dict[str, Json], value: Json) -> None:
    assert list(problems(schema, value)) == []


@pytest.mark.parametrize(("schema", "value", "sentence"), WRONG)
def test_does_not_fit(schema: dict[str, Json], value: Json, sentence: str) -> None:
    assert list(problems(schema, value)) == [sentence]


def test_a_place_is_named() -> None:
    schema: dict[str, Json] = {"type": "array", "items": {"required": ["a"], "minProperties": 1}, "maxItems": 0}
    assert list(problems(schema, [{}], "x")) == [
        "x: the list has 1 items, at most 0 are allowed",
        "x[0]: `a` is missing",
    ]


def test_long_values_are_shortened() -> None:
    assert len(shown("x" * 100)) == 60


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": "number"}, 3, 3.0),
        ({"type": "number"}, True, True),
        ({"type": "integer"}, 3.0, 3),
        ({"type": "integer"}, 3.5, 3.5),
        ({}, 3, 3),
        ({"type": "array", "items": {"type": "number"}}, [1], [1.0]),
        ({"type": "object", "properties": {"a": {"type": "number"}, "b": 3}}, {"a": 1, "c": 2}, {"a": 1.0, "c": 2}),
    ],
)
def test_coerced(schema: dict[str, Json], value: Json, expected: Json) -> None:
    found = coerced(schema, value)
    assert found == expected
    assert repr(found) == repr(expected)


def test_equal_lists_and_maps_are_in_a_list_twice_whatever_their_form() -> None:
    schema: dict[str, Json] = {"type": "array", "uniqueItems": True}
    assert list(problems(schema, [[1, {"a": 2}], [1.0, {"a": 2.0}], [True, {"a": 2}]])) == [
        '[1]: [1.0, {"a": 2.0}] is in the list twice'
    ]
