"""The simple commands of a shell text, and where their words stand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.compiler.expressions.commands import commands, masked


def words(text: str) -> list[list[str]]:
    return [[word.text for word in command.words] for command in commands(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b; c && d || e & f", [["a", "b"], ["c"], ["d"], ["e"], ["f"]]),
        ("a # b\nc", [["a"], ["c"]]),
        ("a \\\n b", [["a", "b"]]),
        ("a \"b c\" 'd e' f\\ g", [["a", '"b c"', "'d e'", "f\\ g"]]),
        ("if a; then b; fi", [["a"], ["b"]]),
        ("{ a; } > x", [["a"], []]),
        ("(a; b)", [["a"], ["b"]]),
        ("X=1 Y=(2 3) a", [["a"]]),
        ('a "$(b "$(c)")"', [["a", '"$(b "$(c)")"'], ["b", '"$(c)"'], ["c"]]),
        ('a $(b \\) "\\"")', [["a", '$(b \\) "\\"")'], ["b", "\\)", '"\\""']]),
        ("a `b \\`c\\``", [["a", "`b \\`c\\``"], ["b", "\\`c\\`"]]),
        ("diff <(a) >(b)", [["diff", "<(a)", ">(b)"], ["a"], ["b"]]),
        ("a ${x:-$(b)} $((1 + (2)))", [["a", "${x:-$(b)}", "$((1 + (2)))"]]),
        ('a ${x:-\'}\'} "${y:-"}"}"', [["a", "${x:-'}'}", '"${y:-"}"}"']]),
        ("a >&2 2>b &>c <d", [["a"]]),
        ("a ${{ b && '}' }} c", [["a", "${EEEEEEEEEEEE}", "c"]]),
        ("a 'b", [["a", "'b"]]),
        ('a "b', [["a", '"b']]),
        ("a `b", [["a", "`b"], ["b"]]),
        ("a $(b", [["a", "$(b"], []]),
        ("a \\", [["a", "\\"]]),
        ("", []),
    ],
)
def test_words(text: str, expected: list[list[str]]) -> None:
    found = words(text)
    assert [one for one in found if one] == [one for one in expected if one]


def test_redirections_pipes_and_assignments_are_told() -> None:
    first, second = commands("A=1 a x 2>> log | b <<< y")
    assert ([word.text for word in first.assigned], first.redirects[0][0], first.redirects[0][1].text) == (
        ["A=1"],
        ">>",
        "log",
    )
    assert (first.piped_out, first.piped_in, second.piped_in, second.piped_out) == (True, False, True, False)
    assert second.redirects[0][1].text == "y"


def test_the_bodies_of_heredocs_belong_to_their_commands() -> None:
    text = "a <<E; b <<-'F'\none\nE\n\ttwo\n\tF\nc\n"
    first, second, third = commands(text)
    assert [(text[start:end], quoted) for start, end, quoted in first.bodies] == [("one\n", False)]
    assert [(text[start:end], quoted) for start, end, quoted in second.bodies] == [("\ttwo\n", True)]
    assert third.name == "c"
    (endless,) = commands("a <<E\none")
    assert endless.bodies == ((6, 9, False),)


def test_what_a_word_means_is_known_where_nothing_is_replaced() -> None:
    (command,) = commands('/usr/bin/a \'b c\' "d e" "$f" g* \'h\'"i" "j\\""')
    assert command.name == "a"
    assert [word.value for word in command.words[1:]] == ["b c", "d e", "", "", "", ""]
    assert commands("> x")[0].name == ""


def test_substitutions_are_looked_into_to_a_depth() -> None:
    text = "$(" * 40 + "a" + ")" * 40
    assert max(command.depth for command in commands(text)) == 12


def test_an_expression_is_masked_by_something_as_long() -> None:
    text = "a ${{ inputs.x }} ${{ y"
    assert len(masked(text)) == len(text)
    assert masked("plain") == "plain"


PARTS = st.sampled_from(
    ['"', "'", "`", "$(", ")", "${", "}", "\\", "a", " ", "\n", "<<E", "E", ">", "|", ";", "#", "((", "=(", "${{ e }}"]
)


@settings(max_examples=500)
@given(st.lists(PARTS, max_size=25))
def test_any_text_is_read_and_every_word_stands_where_it_says(parts: list[str]) -> None:
    text = "".join(parts)
    hidden = masked(text)
    for command in commands(text):
        for word in [*command.words, *command.assigned]:
            assert hidden[word.start : word.end] == word.text
