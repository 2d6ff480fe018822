"""Matrix expansion, as people know it from elsewhere."""

from __future__ import annotations

import pytest

from runner.compiler.plan.matrix import Row, expand, legs
from runner.errors import UsageError

ALL: list[Row] = [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"}]
AB: dict[str, list[object]] = {"a": [1, 2], "b": ["x", "y"]}
CASES: dict[str, tuple[dict[str, list[object]], list[Row], list[Row], list[Row]]] = {
    "product in the order written": (AB, [], [], ALL),
    "exclude by all keys": (AB, [], [{"a": 1, "b": "x"}], [{"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"}]),
    "exclude by one key": (AB, [], [{"a": 1}], [{"a": 2, "b": "x"}, {"a": 2, "b": "y"}]),
    "true is not 1": ({"a": [1, True]}, [], [{"a": True}], [{"a": 1}]),
    "include adds to matching rows": ({"a": [1, 2]}, [{"a": 2, "c": 3}], [], [{"a": 1}, {"a": 2, "c": 3}]),
    "include adds to all rows": ({"a": [1, 2]}, [{"c": 3}], [], [{"a": 1, "c": 3}, {"a": 2, "c": 3}]),
    "include makes a row": ({"a": [1]}, [{"a": 9, "c": 3}], [], [{"a": 1}, {"a": 9, "c": 3}]),
    "include overwrites what include added": ({"a": [1]}, [{"c": 3}, {"a": 1, "c": 4}], [], [{"a": 1, "c": 4}]),
    "include alone": ({}, [{"c": 3}, {"c": 4}], [], [{"c": 3}, {"c": 4}]),
    "an included row is not added to": ({"a": [1]}, [{"a": 9}, {"c": 4}], [], [{"a": 1, "c": 4}, {"a": 9}]),
    "everything excluded": ({"a": [1]}, [], [{"a": 1}], []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_rows(case: str) -> None:
    axes, include, exclude, rows = CASES[case]
    assert expand(axes, include, exclude) == rows  # type: ignore[arg-type]


def test_keys_name_the_values_in_the_order_written() -> None:
    found = legs("test", [{"os": "deb", "py": 3.11, "fast": True}])
    assert found[0].key == "test[os=deb,py=3.11,fast=true]"


def test_far_too_many_rows_are_not_even_counted() -> None:
    with pytest.raises(UsageError, match="256"):
        expand({name: list(range(100)) for name in "abcdef"})
