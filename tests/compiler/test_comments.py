"""A `#` is a comment or it is text: told apart as the YAML parser does."""

from __future__ import annotations

import pytest

from runner.compiler.document.comments import remarks


def found(text: str) -> list[tuple[int, int, str]]:
    return [(one.line, one.column, one.text) for one in remarks(text, "here").comments]


@pytest.mark.parametrize(
    "text",
    [
        "a: b # here",
        "a: b\t# here",
        "# here\na: b",
        "a: [b, # here\n  c]",
        "a: | # here\n  text\n",
        "a: >-   # here\n  text\n",
        "a: &x # here\n  b\n",
        "a: &x !!str # here\n  b\nc: *x\n",
        "a: 'b'   # here",
        "a: 'it''s' # here",
        "a:\n  b # here",
        "a: b # not # here",
        "a: |\n  text\n# here\nb: c\n",
        "a: |\n  text\n # here\n",
        "'# no': b # here",
        "a: b\r\nc: d # here\r\n",
        "--- # here\na: b\n",
        "# here",
        "a: b\n---\nc: d # here\n",
        "a:\n  # here\n",
    ],
)
def test_a_comment(text: str) -> None:
    assert len(found(text)) == 1
    line, column, said = found(text)[0]
    assert text.replace("\r\n", "\n").split("\n")[line - 1][column - 1 :] == said


@pytest.mark.parametrize(
    "text",
    [
        "a: 'b # here'",
        'a: "b # here"',
        'a: "b\n  # here"',
        "a: 'b\n\n  # here\n  c'",
        "a: b#here",
        "a: |\n  # here\n",
        "a: |\n  text\n  # here\n  more\n",
        "a: >\n  text # here\n",
        "a:\n- |2\n    # here\n",
        "'# here': b",
        "a: http://x/#here",
        "{a: '# here', b: c}",
        "a: &x |\n  # here\n",
        "a: [ # here",
        "",
    ],
)
def test_no_comment(text: str) -> None:
    assert found(text) == []


def test_where_the_content_begins_and_which_texts_are_long() -> None:
    text = "# top\n\nname: x\nrun: |\n  a\n  b\n\nnext: 'c\n  d'\nlast: >\n  e\n"
    seen = remarks(text, "top")
    assert seen.content == 3
    assert seen.ends == {4: 6, 8: 9, 10: 11} or seen.ends == {4: 7, 8: 9, 10: 11}
    assert remarks("# top\n", "top").content == 3


def test_what_stands_before_a_comment() -> None:
    alone, behind = remarks("  # here\na: b \t # here\n", "here").comments
    assert (alone.alone, alone.before) == (True, 2)
    assert (behind.alone, behind.before) == (False, 3)
