"""Parts of an expression that never have a value."""

from __future__ import annotations

from runner.compiler.expressions.constants import without_value
from runner.compiler.expressions.parse import parse


def test_what_cannot_be_computed_is_told_where_it_stands() -> None:
    text = "size('a') > int('x')"
    trouble = without_value(text, parse(text))
    assert trouble is not None
    assert (trouble.start, trouble.end) == (12, 20)
    assert "`int('x')` has no value" in trouble.message


def test_what_cel_cannot_compile_is_for_other_checks_to_tell() -> None:
    assert without_value("foo(1)", parse("foo(1)")) is None
