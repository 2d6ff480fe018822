"""Types from schemas, from values, and of what is one of several."""

from __future__ import annotations

import pytest

from runner.compiler.canonical import Json
from runner.compiler.expressions.types import (
    ANY,
    Type,
    bounds_text,
    from_cel,
    from_schema,
    list_of,
    of_value,
    schema_of,
    union,
)


@pytest.mark.parametrize(
    ("schema", "words", "cel"),
    [
        ({"type": "string"}, "text", "STRING"),
        ({"type": ["integer", "number"]}, "a number", "DOUBLE"),
        ({"type": ["string", "null"]}, "text or null", "DYN"),
        ({"type": ["string", "integer"]}, "any value", "DYN"),
        ({"enum": ["a", None]}, "text or null", "DYN"),
        ({"enum": [1, 2.5]}, "a number", "DOUBLE"),
        ({"const": True}, "a boolean", "BOOL"),
        ({"type": "array", "items": {"type": "integer"}}, "a list", "LIST<INT>"),
        ({"type": "array"}, "a list", "LIST<DYN>"),
        ({"type": "object"}, "an object", "MAP<STRING, DYN>"),
        ({"type": "null"}, "null", "NULL"),
        ({"type": "nonsense"}, "any value", "DYN"),
        ({}, "any value", "DYN"),
    ],
)
def test_a_schema_gives_a_type(schema: dict[str, Json], words: str, cel: str) -> None:
    assert (str(from_schema(schema)), from_schema(schema).cel) == (words, cel)


def test_a_schema_is_read_to_the_leaf_but_not_for_ever() -> None:
    schema: dict[str, Json] = {"type": "integer"}
    for _ in range(30):
        schema = {"type": "array", "items": schema}
    found = from_schema(schema)
    for _ in range(16):
        assert found.item is not None
        found = found.item
    assert found.item is ANY


def test_properties_that_are_declared_are_all_there_are() -> None:
    properties: dict[str, Json] = {"a": {"type": "string"}, "b": 3}
    assert from_schema({"type": "object", "properties": properties}).closed
    assert not from_schema({"type": "object", "properties": properties, "additionalProperties": True}).closed
    assert not from_schema({"type": "object"}).closed
    assert from_schema({"type": "object", "additionalProperties": {"type": "integer"}}).item == Type("integer")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], ANY),
        (["a", "a"], Type("text", ("a",))),
        (["a", "b"], Type("text", ("a", "b"))),
        ([1, "a"], Type("any", (1, "a"))),
        (["a", None], Type("text", ("a", None), nullable=True)),
        ([None, "a"], Type("text", (None, "a"), nullable=True)),
        ([1, "a", None], Type("any", (1, "a"))),
        ([{"a": 1}, {"b": 1}], Type("object")),
        ([[1], [2]], list_of(Type("integer", (1, 2)))),
    ],
)
def test_a_value_that_is_one_of_several(values: list[Json], expected: Type) -> None:
    assert union(map(of_value, values)) == expected


def test_names_of_cel_are_types() -> None:
    assert from_cel("LIST<INT>") == list_of(Type("integer"))
    assert from_cel("MAP<STRING, DYN>") == Type("object")
    assert from_cel("whatever") is ANY


def test_bounds_are_told_in_words() -> None:
    schema: dict[str, Json] = {"type": "number", "exclusiveMinimum": 0, "minimum": -1, "maximum": 5, "multipleOf": True}
    assert bounds_text(from_schema(schema)) == "more than 0 and at most 5"
    assert bounds_text(from_schema({"type": "number", "exclusiveMaximum": 5, "maximum": 5})) == "less than 5"
    assert bounds_text(from_schema({"type": "number", "minimum": True})) == ""


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "enum": ["a", "b"]},
        {"type": ["integer", "null"]},
        {"type": "boolean"},
        {"enum": [1, "a"]},
        {"type": "array", "items": {"type": "number"}},
        {"type": "array"},
        {"type": "object", "properties": {"a": {"type": "string"}}},
        {"type": "object", "properties": {"a": {}}, "additionalProperties": True},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {},
    ],
)
def test_a_type_has_its_schema_again(schema: dict[str, Json]) -> None:
    assert schema_of(from_schema(schema)) == schema


def test_of_very_many_values_none_is_looked_at() -> None:
    assert from_schema({"enum": list(range(1000))}) == Type("integer")
    assert union(map(of_value, range(1000))) == Type("integer")
