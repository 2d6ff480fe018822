"""Where in a spec a place is, while the text is in the middle of being written."""

from __future__ import annotations

import pytest

from runner.editor.cursor import Cursor, cursor

CASES = {
    "│": ((), True, ""),
    "st│": ((), True, "st"),
    "steps:\n  a:\n    ru│": (("steps", "a"), True, "ru"),
    "steps:\n  a:\n    run: x\n    │": (("steps", "a"), True, ""),
    "steps:\n  a:\n    run: x\n  │": (("steps",), True, ""),
    "steps:\n  a:\n    run: x\n│": ((), True, ""),
    "steps:\n  a:\n    owner: a│": (("steps", "a", "owner"), False, "a"),
    "steps:\n  a:\n    owner: │\n  b: {run: x}": (("steps", "a", "owner"), False, ""),
    "steps:\n  a:\n    after: [b, c│": (("steps", "a", "after", 1), False, "c"),
    "steps:\n  a:\n    after: [b, 'c│": (("steps", "a", "after", 1), False, "c"),
    "steps:\n  a:\n    after:\n    - b\n    - c│": (("steps", "a", "after", 1), False, "c"),
    "steps:\n  a:\n    after:\n      -│": (("steps", "a", "after", 0), False, ""),
    "steps:\n  a: {run: x, ow│": (("steps", "a"), True, "ow"),
    "steps:\n  a: {run: x, owner: │}": (("steps", "a", "owner"), False, ""),
    "steps:\n  a: {\n    run: x,\n    t│": (("steps", "a"), True, "t"),
    "steps:\n  a: {env: {A: 1}, o│": (("steps", "a"), True, "o"),
    "milestones:\n  - id: x\n    ne│": (("milestones", 0), False, "ne"),
    "milestones:\n  - {id: x}\n  - {id: y, needs: [│": (("milestones", 1, "needs", 0), False, ""),
    "milestones:\n- id: x\n- id: y\n  needs: │": (("milestones", 1, "needs"), False, ""),
    "- - a\n  - │": ((0, 1), False, ""),
    "spec: 1\n---\nna│": ((), True, "na"),
    "# c\nsteps:\n  # d\n  a:\n\n    # e\n    r│": (("steps", "a"), True, "r"),
    "a: &x\n  b: !!str │": (("a", "b"), False, ""),
    '"a": {"b": │': (("a", "b"), False, ""),
    "a: 'it''s' # no\nb│": ((), True, "b"),
    'a: "x\n  y\n  z"\nb│': ((), True, "b"),
    'a: "x \\" y": │': (("a",), False, 'x \\" y: '),
    "a: |\n  x: 1\n\n  y\nb│": ((), True, "b"),
    "- |\n  x: 1\n- │": ((1,), False, ""),
    "a: [x]│": (("a",), False, "]"),
}


def at(marked: str) -> Cursor:
    before, _, after = marked.partition("│")
    return cursor(before + after, before.count("\n") + 1, len(before) - before.rfind("\n"))


@pytest.mark.parametrize("marked", CASES)
def test_a_place_is_known_by_what_stands_before_it(marked: str) -> None:
    found = at(marked)
    assert (found.path, found.is_key, found.word) == CASES[marked]


EXPRESSIONS = {
    "a: ${{ inputs.│": " inputs.",
    'a: {run: "x ${{ in│': " in",
    "run: |\n  echo ${{ steps.a│": " steps.a",
    "run: |\n  echo ${{ a }} │": None,
    "run: echo ${{ a }} ${{│": "",
    "run: echo│": None,
}


@pytest.mark.parametrize("marked", EXPRESSIONS)
def test_an_open_expression_is_known(marked: str) -> None:
    assert at(marked).expression == EXPRESSIONS[marked]


def test_comments_and_block_texts_are_known() -> None:
    assert at("a: 1 # x│").comment
    assert at("a:\n  # x│").comment
    assert at("a: {b: 1 # x│").comment
    assert not at("a: x#y│").comment
    assert at("a: |\n  x│").block
    assert not at("a: |│").block


def test_a_place_outside_the_text_is_its_end() -> None:
    assert cursor("a: b", 99, 99).path == ("a",)


@pytest.mark.parametrize(
    ("marked", "seen"),
    [
        ("a: 1\nb: {c: 2}\n│", {"a", "b"}),
        ("a:\n  b: 1\n  c: 2\n  │", {"b", "c"}),
        ("a: {b: 1, c: {d: 2}, │", {"b", "c"}),
        ("- a: 1\n  │", {"a"}),
        ("a:\n  b: 1\nc:\n  │", set()),
    ],
)
def test_the_keys_before_are_known(marked: str, seen: set[str]) -> None:
    assert at(marked).seen == seen
