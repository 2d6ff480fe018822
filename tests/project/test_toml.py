"""Every key and every value of a TOML file knows its place."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.compiler.diagnostic import Diagnostic, Span
from runner.project.toml import Path, Table, read_toml

TEXT = '''\
# a comment with = and [x]
top = 1 # one
"quoted key" = 'literal # no comment'
a.b . "c d" = """several
lines with ] and }"""
[checks]
"schedule-*" = "warning"
[checks.options]
when = 2030-01-31 10:00:00
far = -1.5e3
[[overrides]]
paths = ["a", # first
  'b', [1, 2],
]
checks = {x = "off", y = {z = [true, {q = "}"}]}}
[[overrides]]
[overrides.checks]
u = 'last'
[[overrides.inner]]
i = 1
'''


def cut(text: str, span: Span) -> str:
    lines = text.split("\n")[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    return "\n".join(lines)


def table(text: str) -> Table:
    found = read_toml(text.encode(), "r.toml")
    assert isinstance(found, Table)
    return found


def at(content: Any, path: Path) -> Any:
    for part in path:
        content = content[part]
    return content


def test_each_value_stands_at_its_place() -> None:
    found = table(TEXT)
    assert len(found.values) == 21
    for path, span in found.values.items():
        assert tomllib.loads(f"x = {cut(TEXT, span)}")["x"] == at(found.content, path), path


def test_each_key_stands_at_its_place() -> None:
    found = table(TEXT)
    assert {("overrides", 1, "checks", "u"), ("overrides", 0, "checks", "y", "z", 1, "q")} <= found.keys.keys()
    for path, span in found.keys.items():
        name = path[-1] if isinstance(path[-1], str) else path[-2]
        assert tomllib.loads(f"{cut(TEXT, span)} = 1") == {name: 1}, path
        assert at(found.content, path) is not None
    assert found.keys["a", "b", "c d"].line == 4
    assert [found.keys["overrides", index].line for index in (0, 1)] == [11, 16]
    assert found.keys["overrides", 1, "inner", 0, "i"].line == 20


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_breaks_of_both_kinds(newline: str) -> None:
    found = table(f"a = 1{newline}b = '''x{newline}'''{newline}c = [{newline}2]{newline}")
    assert found.keys["c",].line == 4
    assert found.values["c", 0].line == 5


def test_a_byte_order_mark_takes_no_column() -> None:
    found = read_toml(b"\xef\xbb\xbfa = 1", "r.toml")
    assert isinstance(found, Table)
    assert found.keys["a",] == Span("r.toml", 1, 1, 1, 2)


KEYS = st.text(st.characters(codec="ascii", exclude_characters="\x7f", min_codepoint=32), max_size=5)
VALUES = st.recursive(
    st.integers(-99, 99) | st.booleans() | KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


def written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "[ " + " , ".join(map(written, value)) + " ]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{written(key)} = {written(one)}" for key, one in value.items()) + " }"
    return str(value)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_file(content: dict[str, object]) -> None:
    text = "".join(f"{written(key)} = {written(value)} # x\n" for key, value in content.items())
    found = table(text)
    assert found.content == content
    assert {key for key in found.keys if len(key) == 1} == {(key,) for key in content}
    for path, span in found.values.items():
        assert tomllib.loads(f"x = {cut(text, span)}")["x"] == at(content, path)


@pytest.mark.parametrize(
    ("data", "line", "column", "said"),
    [
        (b"a = ", 1, 5, "invalid value"),
        (b"a = 1\na = 2", 2, 6, "cannot overwrite a value"),
        (b"[a\n", 1, 3, "expected ']'"),
        (b"x = [1,\n", 2, 1, "invalid value"),
        (b'ok = 1\nx = "abc', 2, 9, "unterminated string"),
        (b"a = 1\nb = '\xff'", 2, 1, "0xff is not UTF-8"),
        (b"a = " + b"[" * 9999, 1, 1, "nested too deep"),
    ],
)
def test_what_is_no_toml(data: bytes, line: int, column: int, said: str) -> None:
    found = read_toml(data, "r.toml")
    assert isinstance(found, Diagnostic)
    assert (found.code, found.span.line, found.span.column) == ("settings-syntax", line, column)
    assert said in found.message
    assert found.hint
