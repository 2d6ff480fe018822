from __future__ import annotations

import gc

import pytest
import yaml

from runner.compiler.diagnostic import Severity
from runner.compiler.document import Document, Limits, Mapping, Scalar, Sequence, read, reader, to_json
from runner.compiler.document.builder import Builder
from runner.compiler.document.reader import read_all


def doc(text: str, limits: Limits | None = None) -> Document:
    return read(text.encode(), "a.yaml", limits or Limits())


def codes(document: Document) -> list[str]:
    return [found.code for found in document.diagnostics]


def value(text: str) -> object:
    document = doc(f"v: {text}\n")
    assert codes(document) == []
    assert isinstance(document.root, Mapping)
    return to_json(document.root.entries["v"].value)


def at(document: Document, *path: str | int) -> Scalar | Sequence | Mapping:
    node = document.root
    for name in path:
        if isinstance(node, Mapping) and isinstance(name, str):
            node = node.entries[name].value
        else:
            assert isinstance(node, Sequence)
            assert isinstance(name, int)
            node = node.items[name]
    assert node is not None
    return node


def span(node: Scalar | Sequence | Mapping) -> tuple[int, int, int, int]:
    return (node.span.line, node.span.column, node.span.end_line, node.span.end_column)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("Null", None),
        ("", None),
        ("yes", "yes"),
        ("on", "on"),
        ("No", "No"),
        ("012", 12),
        ("-7", -7),
        ("+7", 7),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("1:30", "1:30"),
        ("2030-01-31", "2030-01-31"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("-1.5E-2", -0.015),
        (".", "."),
        ("'12'", "12"),
        ('"\\u00e9"', "é"),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("000000000000000000000000012", 12),
        ("!!str 12", "12"),
        ("! 12", "12"),
        ("!!int 12", 12),
        ("!!map {a: 1}", {"a": 1}),
        ("!!seq [a]", ["a"]),
    ],
)
def test_values_follow_the_core_schema_of_yaml_1_2(text: str, expected: object) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "text", [".inf", "-.INF", ".NaN", "1e999", "9223372036854775808", "0xFFFFFFFFFFFFFFFFFFFF", "9" * 5000]
)
def test_numbers_that_cannot_be_held_are_told(text: str) -> None:
    assert codes(doc(f"a: {text}\n")) == ["bad-number"]


def test_keys_and_values_know_their_place() -> None:
    document = doc("a:\n  - one\n  - {b: 'two', c: [3, 4]}\nd: |\n  x\n  y\n\n\ne: 1\n")
    assert codes(document) == []
    assert isinstance(document.root, Mapping)
    assert span(document.root.entries["a"].key) == (1, 1, 1, 2)
    assert span(at(document, "a")) == (2, 3, 3, 26)
    assert span(at(document, "a", 1)) == (3, 5, 3, 26)
    assert span(at(document, "a", 1, "b")) == (3, 9, 3, 14)
    assert span(at(document, "a", 1, "c", 1)) == (3, 23, 3, 24)
    assert span(at(document, "d")) == (4, 4, 6, 4)
    assert span(at(document, "e")) == (9, 4, 9, 5)
    assert span(document.root) == (1, 1, 9, 5)


def test_columns_count_characters_not_bytes_and_no_byte_order_mark() -> None:
    document = read("\ufeffgröße: 規模 🚀 x\n".encode(), "a.yaml")
    assert isinstance(document.root, Mapping)
    assert span(document.root.entries["größe"].key) == (1, 1, 1, 6)
    assert span(at(document, "größe")) == (1, 8, 1, 14)


@pytest.mark.parametrize("newline", ["\r\n", "\r", "\n"])
def test_every_line_break_counts_one_line(newline: str) -> None:
    document = doc(newline.join(["a: 1", "", "b: &x [2]", "c: *x", "d: !!str 3"]))
    assert codes(document) == []
    assert isinstance(document.root, Mapping)
    assert [entry.key.span.line for entry in document.root.entries.values()] == [1, 3, 4, 5]
    assert span(at(document, "b")) == (3, 7, 3, 10)
    assert span(at(document, "d")) == (5, 10, 5, 11)


def test_scalars_keep_their_text_and_style() -> None:
    document = doc("a: 012\nb: 'x'\nc: \"y\"\nd: |\n  z\ne: >\n  w\n")
    scalars = [at(document, key) for key in "abcde"]
    assert [(node.text, node.style) for node in scalars if isinstance(node, Scalar)] == [
        ("012", ""),
        ("x", "'"),
        ("y", '"'),
        ("z\n", "|"),
        ("w\n", ">"),
    ]


def test_an_anchor_is_not_part_of_the_place_of_its_value() -> None:
    document = doc("a: &x # why\n  b: 1\nc: &y\n  - 2\nd: [*x, *y]\ne: &z !!str hello\nf: *z\ng: &empty\nh: *empty\n")
    assert codes(document) == []
    assert span(at(document, "a"))[:2] == (2, 3)
    assert span(at(document, "c"))[:2] == (4, 3)
    assert span(at(document, "e")) == (6, 13, 6, 18)
    assert span(at(document, "g"))[0] == 8


def test_an_alias_is_the_same_node() -> None:
    document = doc("a: &x {b: 1}\nc: *x\n")
    assert at(document, "a") is at(document, "c")


def test_merge_keys_fill_in_what_is_not_given() -> None:
    document = doc(
        "one: &one {a: 1, b: 1}\ntwo: &two {b: 2, c: 2}\nx: {<<: *one, a: 9}\n"
        "y: {<<: [*one, *two], d: 3}\nz: {'<<': 1}\n"
    )
    assert codes(document) == []
    assert to_json(at(document, "x")) == {"a": 9, "b": 1}
    assert to_json(at(document, "y")) == {"d": 3, "a": 1, "b": 1, "c": 2}
    assert to_json(at(document, "z")) == {"<<": 1}


def test_the_first_of_two_equal_keys_stays_and_the_finding_points_at_both() -> None:
    document = doc("a: 1\nb: 2\na: 3\n")
    (found,) = document.diagnostics
    assert (found.code, found.span.line, found.related[0].span.line) == ("duplicate-key", 3, 1)
    assert document.root is not None
    assert to_json(document.root) == {"a": 1, "b": 2}


def test_a_recursive_anchor_is_cut() -> None:
    document = doc("a: &x\n  b: [*x]\n")
    assert codes(document) == ["anchor-recursive"]
    assert to_json(at(document, "a")) == {"b": [None]}


def test_an_unused_anchor_is_only_a_warning() -> None:
    (found,) = doc("a: &x 1\n").diagnostics
    assert (found.code, found.severity, found.span.column) == ("unused-anchor", Severity.WARNING, 4)


def test_an_anchor_in_a_part_that_was_lost_is_not_called_unknown() -> None:
    document = doc("a: [&x 1\nb: *x\nc: *y\n")
    assert codes(document) == ["yaml-syntax"]
    assert document.broken


def test_a_laughing_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    document = doc("\n".join(lines))
    assert codes(document) == ["alias-bomb"]
    assert document.root is None


def test_aliases_cannot_dodge_the_limit_of_depth() -> None:
    nested = "[" * 40 + "1" + "]" * 40
    document = doc(f"a: &a {nested}\nb: {'[' * 40}*a{']' * 40}\n")
    assert codes(document) == ["too-deep"]
    assert document.root is None


@pytest.mark.parametrize(
    ("text", "limits", "code"),
    [
        ("a: " + "[" * 100 + "]" * 100, Limits(), "too-deep"),
        ("[" * 100_000, Limits(), "too-deep"),
        ("- " * 5000 + "x", Limits(), "too-deep"),
        ("a: [" + "1," * 200 + "1]", Limits(nodes=100), "too-many-nodes"),
        ("a: " + "x" * 2_000, Limits(size=1_000), "too-large"),
    ],
)
def test_what_breaks_a_limit_is_refused(text: str, limits: Limits, code: str) -> None:
    document = doc(text, limits)
    assert codes(document) == [code]
    assert document.root is None


def test_workflows_beyond_the_limit_are_not_read() -> None:
    documents = read_all(b"---\na: 1\n" * 9, "a.yaml", Limits(documents=3))
    assert [codes(one) for one in documents] == [[], [], ["too-many-nodes"]]
    found = documents[2].diagnostics[0]
    assert (found.message, found.span.line) == ("the file has more than 3 workflows", 7)


def test_what_is_just_within_the_limits_is_read() -> None:
    assert codes(doc("[" * 64 + "]" * 64)) == []
    assert codes(doc("[1, 2]", Limits(nodes=3, size=6))) == []


@pytest.mark.parametrize(
    ("data", "code", "place"),
    [
        (b"a: 1\n\0", "binary-file", (1, 1)),
        (b"\xff\xfea\0:\0", "not-utf8", (1, 1)),
        (b"\xfe\xff\0a\0:", "not-utf8", (1, 1)),
        (b"\xff\xfe\0\0a\0\0\0", "not-utf8", (1, 1)),
        (b"a: 1\nb: caf\xe9 au lait\n", "not-utf8", (2, 7)),
        (b"a: 1\r\nb\x1bc: 2\n", "control-character", (2, 2)),
        (b"", "empty-file", (1, 1)),
        (b"---\n", "empty-file", (1, 1)),
        (b"\xef\xbb\xbf", "empty-file", (1, 1)),
    ],
)
def test_bytes_that_are_no_text_for_a_spec(data: bytes, code: str, place: tuple[int, int]) -> None:
    document = read(data, "a.yaml")
    (found,) = document.diagnostics
    assert (found.code, (found.span.line, found.span.column)) == (code, place)


def test_at_most_twenty_control_characters_are_told() -> None:
    assert codes(doc("a: " + "\x01" * 100)) == ["control-character"] * 20


def test_reading_goes_on_at_the_next_top_level_key() -> None:
    document = doc("a: 'x\nb: {c: 1}\nd: @y\ne: [1\nf: 2\n")
    assert codes(document) == ["yaml-syntax"] * 3
    assert [found.span.line for found in document.diagnostics] == [1, 3, 4]
    assert document.broken
    assert to_json(at(document, "b")) == {"c": 1}
    assert to_json(at(document, "f")) == 2


def test_syntax_errors_are_told_up_to_a_limit() -> None:
    assert codes(doc("a: @x\n" * 50)) == ["yaml-syntax"] * 10


def test_a_key_repeated_behind_a_syntax_error_is_still_a_duplicate() -> None:
    assert codes(doc("a: 1\nb: @x\na: 2\n")) == ["yaml-syntax", "duplicate-key"]


def test_a_tab_has_a_fix() -> None:
    (found,) = doc("a:\n\t\tb: 1\n").diagnostics
    assert found.fix is not None
    assert (found.fix.span.column, found.fix.span.end_column, found.fix.replacement) == (1, 3, "    ")


SYNTAX = [
    "a: b: c",
    "a: [1",
    "a: {b: 1",
    "a: 'x",
    'a: "\\q"',
    'a: "\\xzz"',
    "a: @b",
    "a: `b`",
    "a: %b",
    "a:\n\t- b",
    "- a\nb: c",
    "a: - b",
    "? a\n? [b\n",
    "a: |0\n x",
    "a: |x\n y",
    "a: &",
    "a: *",
    "a: !<x",
    "%FOO\n---\na: 1",
    "%YAML 9.9\n---\na: 1",
    "a: !e!x 1",
    "[a]]",
    "a: }",
    "a: 1\nb",
    "a: 'b' c",
    "&a &b c",
    "a: 1\n b: 2",
    "a:\n  b: 1\n c: 2",
    "a: 1\n\tb: 2",
    "{",
    "'",
    "? : ? :",
]


@pytest.mark.parametrize("text", SYNTAX)
def test_a_syntax_error_is_told_once_in_our_words_inside_the_text(text: str) -> None:
    document = doc(text)
    assert "yaml-syntax" in codes(document)
    lines = text.split("\n")
    for found in document.diagnostics:
        assert found.message
        assert "this is not YAML" not in found.message
        assert found.span.column <= len(lines[found.span.line - 1]) + 1


@pytest.mark.parametrize(
    "text", [*(text for text in SYNTAX if "FOO" not in text), "a: &x {b: [1, 'two']}\nc: *x\nd: |\n  e\n"]
)
def test_without_the_c_library_the_same_is_found(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = doc(text)
    monkeypatch.setattr(reader, "_Parser", yaml.SafeLoader)
    slow = doc(text)
    assert bool(slow.diagnostics) == bool(fast.diagnostics)
    if not fast.diagnostics:
        assert slow.root == fast.root


def test_an_empty_key_is_told_and_left_out() -> None:
    document = doc('a: 1\n"": 2\n')
    assert codes(document) == ["empty-key"]
    assert document.root is not None
    assert to_json(document.root) == {"a": 1}
    document = doc("a: 1\n? \n: 2\n")
    assert codes(document) == ["non-string-key"]


def test_an_error_at_the_end_is_shown_at_the_end_of_what_is_written() -> None:
    (found,) = doc("a: [\n\n\n").diagnostics
    assert (found.code, found.span.line, found.span.column) == ("yaml-syntax", 1, 5)


@pytest.mark.parametrize(
    "text", ["a: !foo [x]", "a: !!set {x}", "a: !!seq {x: 1}", "a: !!binary aGk=", "a: !<tag:x> b"]
)
def test_tags_other_than_those_of_the_core_schema_are_refused(text: str) -> None:
    assert codes(doc(text)) == ["custom-tag"]


class Odd:
    """A parser that gives some events, then nothing for ever."""

    def __init__(self, *events: object) -> None:
        self.events = list(events)

    def get_event(self) -> object:
        return self.events.pop(0) if self.events else None


class ScalarEvent:
    """Called like PyYAML's, and not the same class: so it is where PyYAML is loaded twice."""


@pytest.mark.parametrize(
    ("parser", "why"), [(Odd(), "where a text ends"), (Odd(ScalarEvent()), "a foreign ScalarEvent")]
)
def test_a_parser_that_is_not_ours_is_an_error_and_no_endless_loop(parser: Odd, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        Builder("a.yaml", "a: 1", Limits()).feed(parser, 0, 0, another=False)


def test_what_was_read_goes_without_a_search_for_garbage() -> None:
    text = "a: &a [1, {b: 2}]\nc: *a\n"
    doc(text)  # methods that are made when they are used
    gc.collect()
    gc.disable()
    try:
        doc(text)
        assert gc.collect() == 0
    finally:
        gc.enable()
