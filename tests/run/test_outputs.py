"""Reading `$RUNNER_OUTPUT` and holding it against the declarations."""

from __future__ import annotations

import pytest

from runner.compiler.plan.model import OutputDecl
from runner.errors import OutputWrong
from runner.run.mask import Mask
from runner.run.outputs import MAX_BYTES, check, parse

DECLARED = {
    "n": OutputDecl(schema={"type": "integer", "minimum": 1}),
    "any": OutputDecl(schema={}),
    "dist": OutputDecl(artifact="dist/**"),
}


def test_lines_are_names_and_json_and_the_last_one_counts():
    assert parse(b'a=1\n\n b = {"c": [true]}\na=2\n') == {"a": 2, "b": {"c": [True]}}
    assert parse(b"") == {}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"hello\n", "line 1 of [$]RUNNER_OUTPUT is not `name=json`: hello"),
        (b"a=1\n=2", "line 2"),
        (b"who=me", "output who: me is not JSON"),
        (b"x=NaN", "output x: NaN is not JSON"),
        (b"x=" + b"[" * 90_000, "output x: .* is not JSON"),
        (b"x=1e999", "output x: 1e999 cannot be kept: the number is too large"),
        (rb'x={"a": ["\ud800"]}', "output x: .* cannot be kept: it is not Unicode text"),
        (rb'x={"\udc00": 1}', "output x: .* cannot be kept: it is not Unicode text"),
        (b"x=" + b"[" * 400 + b"]" * 400, "output x: .* cannot be kept: lists and maps are nested more than 64 deep"),
        (b"x=\xff", "not UTF-8 text .byte 2."),
        (b"x" * (MAX_BYTES + 1), "allowed are 1,048,576"),
        (b"long=" + b"y" * 200, r"y{77}\.\.\. is not JSON"),
    ],
)
def test_what_cannot_be_read_is_told(raw, message):
    with pytest.raises(OutputWrong, match=message):
        parse(raw)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"any": 1}, "output n is missing: expected `integer`, found nothing"),
        ({"n": 1}, "output any is missing: expected a value"),
        ({"n": "x", "any": 1}, 'output n: "x" is of type string, not `integer`'),
        ({"n": 0, "any": 1}, "output n: .* less than the minimum 1"),
        ({"n": 1, "any": 1, "m": 2}, "output m is not declared .declared: any, n."),
        ({"n": 1, "any": 1, "dist": "x"}, "output dist is an artifact"),
    ],
)
def test_what_does_not_fit_is_told_with_name_expected_and_found(found, message):
    with pytest.raises(OutputWrong, match=message):
        check(found, DECLARED)


def test_values_get_the_types_that_expressions_were_checked_with():
    found = check({"ratio": 2, "count": 3.0}, {"ratio": decl("number"), "count": decl("integer")})
    assert [type(value) for value in found.values()] == [float, int]


def decl(type_):
    return OutputDecl(schema={"type": type_})


def test_what_fits_passes():
    assert check({"n": 1, "any": None}, DECLARED) == {"n": 1, "any": None}
    with pytest.raises(OutputWrong, match="declared: none"):
        check({"n": 1}, {})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            b"a" * 60 + b"canary-12345678901234567890",
            "line 1 of $RUNNER_OUTPUT is not `name=json`: " + "a" * 60 + "***",
        ),
        (b"n=" + b"b" * 60 + b"canary-12345678901234567890", "output n: " + "b" * 60 + "*** is not JSON"),
        (b'n="canary-12345678901234567890"', 'output n: "***" is of type string, not `integer`'),
        (b"n=-1234567", 'output n: "***" is of type string, not `integer`'),
    ],
)
def test_what_is_quoted_is_masked_before_it_is_cut(line, message):
    mask = Mask(["canary-12345678901234567890", "-1234567"])
    with pytest.raises(OutputWrong) as caught:
        check(parse(line, mask), {"n": DECLARED["n"]}, mask)
    assert caught.value.message == message


def test_a_value_that_is_wrong_only_without_its_mask_is_told_without_it():
    schema = {"type": "string", "maxLength": 5}
    with pytest.raises(OutputWrong, match=r"output n: it is not `string` as declared\Z"):
        check({"n": "canary-1"}, {"n": OutputDecl(schema=schema)}, Mask(["canary-1"]))
