"""Spans and scalars made twice as fast as their frozen dataclasses make themselves.

Reading makes one of each for every value, most of its time. A frozen dataclass sets each field by a call of
`object.__setattr__` that looks the field up by name; here the slots are set directly. Equal in every other respect:
`tests/compiler/test_document.py` compares them.
"""

from __future__ import annotations

from typing import Any

from runner.compiler.diagnostic import Span
from runner.compiler.document.nodes import Scalar

_new = object.__new__
_slots: Any = vars(Span)
_path, _line, _column = _slots["path"].__set__, _slots["line"].__set__, _slots["column"].__set__
_end_line, _end_column = _slots["end_line"].__set__, _slots["end_column"].__set__
_slots = vars(Scalar)
_value, _span, _text, _style = (_slots[name].__set__ for name in ("value", "span", "text", "style"))


def make_span(path: str, line: int, column: int, end_line: int, end_column: int) -> Span:
    """`Span(path, line, column, end_line, end_column)`."""
    span = _new(Span)
    _path(span, path)
    _line(span, line)
    _column(span, column)
    _end_line(span, end_line)
    _end_column(span, end_column)
    return span


def make_scalar(value: object, span: Span, text: str, style: str) -> Scalar:
    """`Scalar(value, span, text, style)`."""
    scalar = _new(Scalar)
    _value(scalar, value)
    _span(scalar, span)
    _text(scalar, text)
    _style(scalar, style)
    return scalar
