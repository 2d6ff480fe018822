"""Inputs of a run: read from `name=value`, checked all at once."""

from __future__ import annotations

import pytest

from runner.compiler.canonical import Json
from runner.compiler.inputs import complete, parse_inputs
from runner.errors import UsageError

SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {
        "target": {"type": "string", "enum": ["dev", "prod"], "default": "dev"},
        "shards": {"type": "integer", "minimum": 1, "description": "How many parts."},
        "ratio": {"type": "number", "default": 1},
        "parts": {"type": "array", "default": []},
        "free": {"default": None},
    },
    "required": ["shards"],
}


def test_values_are_read_by_their_type() -> None:
    pairs = ["target=3", "shards=3", "ratio=2", 'parts=["a=b"]', "free=x=y", "other=1"]
    expected = {"target": "3", "shards": 3, "ratio": 2, "parts": ["a=b"], "free": "x=y", "other": "1"}
    assert parse_inputs(pairs, SCHEMA) == expected


def test_everything_unreadable_is_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        parse_inputs(["shards=three", "x", "=1", "target=a", "target=b", "ratio=NaN"], SCHEMA)
    lines = caught.value.message.split("\n")[1:]
    assert lines == [
        '  - input `shards`: "three" is not `integer`; write it as JSON',
        "  - `x` is not `name=value`",
        "  - `=1` is not `name=value`",
        "  - input `target` is given twice",
        '  - input `ratio`: "NaN" is not `number`; write it as JSON',
    ]


def test_defaults_are_filled_in_and_numbers_are_what_they_are_declared_as() -> None:
    found = complete(SCHEMA, {"shards": 2.0, "ratio": 3})
    assert found == {"target": "dev", "shards": 2, "ratio": 3.0, "parts": [], "free": None}
    assert isinstance(found["shards"], int)
    assert isinstance(found["ratio"], float)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        complete(SCHEMA, {"tagret": "dev", "target": "prd", "zzz": 1})
    lines = caught.value.message.split("\n")[1:]
    assert lines == [
        "  - there is no input `tagret`; did you mean `target`?",
        '  - input `target`: "prd" is not one of "dev", "prod"; did you mean `prod`?',
        "  - there is no input `zzz`",
        "  - input `shards` is missing (`integer`): How many parts.",
    ]
    assert "`target`, `shards`" in caught.value.hint


def test_a_missing_input_without_words_is_named() -> None:
    with pytest.raises(UsageError, match=r"input `a` is missing \(any type\)"):
        complete({"properties": {"a": {}}, "required": ["a"]}, {})


def test_no_inputs_declared() -> None:
    assert complete({}, {}) == {}
    with pytest.raises(UsageError) as caught:
        complete({}, {"a": 1})
    assert "none" in caught.value.hint


def test_values_that_no_store_could_keep_are_refused() -> None:
    deep: Json = 1
    for _ in range(70):
        deep = [deep]
    with pytest.raises(UsageError) as caught:
        complete({"properties": {"a": {}, "b": {}, "c": {}}}, {"a": "x\udcff", "b": [1e999], "c": deep})
    assert caught.value.message.split("\n")[1:] == [
        "  - input `a`: it is not Unicode text",
        "  - input `b`: the number is too large",
        "  - input `c`: lists and maps are nested more than 64 deep",
    ]
