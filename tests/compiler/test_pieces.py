"""A text that cannot be parsed has no pieces, and says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runner.compiler.document.pieces import outline, tokens


@pytest.mark.parametrize("cut", [tokens, outline])
def test_a_broken_text_is_refused(cut: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match="line 2"):
        cut('a: 1\nb: "')


def test_the_places_of_all_parts_are_known() -> None:
    text = "a: &x [1, 2]\nb:\nc: *x\n"
    [root] = outline(text)
    assert [text[key.start : key.end] for key, _ in root.pairs] == ["a", "b", "c"]
    assert [text[value.start : value.end] for _, value in root.pairs] == ["&x [1, 2]", "", "*x"]
    assert [value.anchor for _, value in root.pairs] == ["x", "", ""]
