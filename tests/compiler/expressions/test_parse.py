"""Our reading of CEL is CEL's own: what one takes the other takes, and parts stand where they are written."""

from __future__ import annotations

import pytest
from cel_expr_python import cel
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.compiler.expressions.functions import DECLARATIONS, extensions
from runner.compiler.expressions.parse import SyntaxFault, parse
from runner.compiler.expressions.scan import ROOTS
from runner.compiler.expressions.tree import Binary, Choice, Index, Literal, Logic, parts_of, path_of

ENVIRONMENT = cel.NewEnv(
    variables=dict.fromkeys((*ROOTS, "x", "y"), cel.Type.DYN), functions=list(DECLARATIONS), extensions=extensions()
)


def cel_takes(text: str) -> bool:
    """Whether CEL finds no mistake in the grammar."""
    try:
        ENVIRONMENT.compile(text)
    except RuntimeError as error:
        words = str(error)
        return "Syntax error" not in words and "invalid int literal" not in words and "-1:-1" not in words
    return True


def we_take(text: str) -> bool:
    try:
        parse(text)
    except SyntaxFault:
        return False
    return True


SIGNS = [*"()[]{},:?.!-+*/%<", "==", "!=", ">=", "in", "&&", "||"]
VALUES = ["x", "y.z", "1", "2.5", ".5", "1e3", "0x1F", "7u", "'a'", '"b"', "r'c'", "b'd'", "true", "null", "size"]
PIECES = st.sampled_from(SIGNS + VALUES)


@settings(max_examples=600)
@example(["-", "-", "1"])
@example(["!", "-", "1"])
@example(["-", "!", "x"])
@example(["x", "in", "[", "1", ",", "]"])
@example(["{", "'a'", ":", "1", ",", "}"])
@example(["size", "(", "x", ",", ")"])
@example(["x", "?", "1", ":", "y.z", "?", "2.5", ":", "true"])
@given(st.lists(PIECES, min_size=1, max_size=9))
def test_we_take_what_cel_takes(pieces: list[str]) -> None:
    text = " ".join(pieces)
    ours, theirs = we_take(text), cel_takes(text)
    # `!-1` and `-!x` are none of the grammar, though CEL's parser lets the first of them pass; nor do we take `.x`,
    # which nobody needs, and an object's type before its braces.
    if ours != theirs and not any(odd in text for odd in ("! -", "- !", ". ", " {")):
        assert ours == theirs, text


@pytest.mark.parametrize(
    "text",
    [
        "inputs.x == 'a' && (1 < 2 || !true)",
        "has(x.y) ? x.y : 'none'",
        "[1, 2.5, 'a',]",
        "x.map(i, i * 2)[0]",
        "a // b\n+ 1",
    ],
)
def test_parts_stand_where_they_are_written(text: str) -> None:
    todo = [parse(text)]
    assert (todo[0].start, todo[0].end) == (0, len(text))
    while todo:
        tree = todo.pop()
        inside = parts_of(tree)
        assert all(tree.start <= part.start < part.end <= tree.end for part in inside)
        assert [part.start for part in inside] == sorted(part.start for part in inside)
        todo += inside


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'a\\n\\'b\\x41\\u00e4\\U0001F600\\101'", "a\n'bAä😀A"),
        ("r'a\\n'", "a\\n"),
        ("'''it's'''", "it's"),
        ("'\\U00110000'", "\ufffd"),
        ("0x1F", 31),
        ("7u", 7),
        ("0x1Fu", 31),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("true", True),
        ("null", None),
        ("b'ab'", "ab"),
    ],
)
def test_literals(text: str, value: object) -> None:
    found = parse(text)
    assert isinstance(found, Literal)
    assert found.value == value


def test_operators_bind_as_in_cel() -> None:
    either = parse("a || b && c == 1 + 2 * 3")
    assert isinstance(either, Logic)
    assert either.operator == "||"
    both = either.operands[1]
    assert isinstance(both, Logic)
    same = both.operands[1]
    assert isinstance(same, Binary)
    assert isinstance(same.right, Binary)
    assert (same.operator, same.right.operator) == ("==", "+")
    assert isinstance(parse("a ? b : c ? d : e"), Choice)
    assert path_of(parse("(a).b")) == ["a", "b"]
    assert isinstance(parse("a.b[0]"), Index)
    assert path_of(parse("a[0].b")) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("1 +", "ends too early"),
        ("(1", "ends too early"),
        ("1 2", "syntax error at `2`"),
        ("if", "syntax error at `if`"),
        ("x.in", "syntax error at `in`"),
        ("x ~ y", "syntax error at `~`"),
        ("99999999999999999999", "too large"),
        ("(" * 30 + "1" + ")" * 30, "levels of brackets"),
        ("x" + ".y" * 150, "steps into a value"),
        ("+".join("1" * 150), "operators in a row"),
        ("!" * 150 + "x", "signs in a row"),
        (" && ".join(["x"] * 5000), "more than 10,000 characters"),
    ],
)
def test_what_cannot_be_read(text: str, words: str) -> None:
    with pytest.raises(SyntaxFault, match=words.replace("`", ".")):
        parse(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("x and y", "write `&&`"),
        ("x or y", "write `||`"),
        ("not x", "write `!`"),
        ("x is y", "write `==`"),
        ("x = y", "write `==`"),
        ("x === y", "two signs"),
        ("x <> y", "write `!=`"),
        ("x & y", "write `&&`"),
        ("x ?? y", "has(x.y)"),
        ("if x", "condition ? a : b"),
        ("x == “y”", "straight"),
        ("x == 'y", "never closed"),
        ("x =~ 'y'", "x.matches"),
        ("x contains 'y'", "x.contains"),
        ("x ) y", "expressions are CEL"),
        ("x @ y", "expressions are CEL"),
    ],
)
def test_habits_of_other_languages_are_told_what_to_write(text: str, hint: str) -> None:
    with pytest.raises(SyntaxFault) as caught:
        parse(text)
    assert hint in caught.value.hint
