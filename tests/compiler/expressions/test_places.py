"""A mistake in an expression is shown where it stands, whatever the style of the scalar."""

from __future__ import annotations

import pytest

from runner.compiler.diagnostic import Span
from runner.compiler.document import Document, Scalar, read
from runner.compiler.expressions.place import locate
from runner.compiler.rules import check_all

HEAD = "spec: 1\nname: demo\nsteps:\n  a:\n"

STYLES = {
    "plain": "    run: echo ${{ nope }}\n",
    "plain on two lines": "    run: echo\n      more ${{ nope }}\n",
    "single quotes": "    env: {A: 'it''s ''q'' ${{ nope }}'}\n    run: echo\n",
    "double quotes": '    run: "a\\tb \\u00e4 \\x41 \\"${{ nope }}\\""\n',
    "double quotes on two lines": '    run: "a \\\n      b\n      ${{ nope }}"\n',
    "literal": "    run: |\n      one\n        two ${{ nope }}\n\n      three\n",
    "literal with indentation": "    run: |2\n       one\n      two ${{ nope }}\n",
    "folded": "    run: >-\n      one\n      two ${{ nope }}\n\n      three\n",
    "beside wide signs": "    run: echo 😀é ${{ nope }}\n",
    "flow": "    env: {A: x, B: 'y ${{ nope }}'}\n    run: echo\n",
    "bare": "    run: echo\n    if: 1 == nope\n",
    "bare in quotes": '    run: echo\n    if: "1 == nope"\n',
    "bare at the start of a block": "    run: echo\n    if: |\n      nope == 1\n",
    "bare in a block": "    run: echo\n    if: |\n      1 ==\n        nope\n",
    "on the second line of an expression": "    run: |\n      echo ${{\n        nope\n      }}\n",
}


@pytest.mark.parametrize("style", STYLES)
def test_the_place_is_exact(style: str) -> None:
    text = HEAD + STYLES[style]
    document = read(text.encode(), "a.yaml")
    assert document.diagnostics == ()
    (found,) = check_all(document)
    assert found.code == "expression-unknown"
    line = text.split("\n")[found.span.line - 1]
    assert line[found.span.column - 1 : found.span.end_column - 1] == "nope"


def test_two_expressions_of_one_text_have_their_own_places() -> None:
    text = HEAD + "    run: |\n      ${{ one }}\n      ${{ two }} ${{ three }}\n"
    spans = [found.span for found in check_all(read(text.encode(), "a.yaml"))]
    assert [(span.line, span.column) for span in spans] == [(6, 11), (7, 11), (7, 22)]


def test_a_scalar_that_the_text_does_not_have_is_shown_where_it_says() -> None:
    span = Span("a.yaml", 9, 1, 9, 5)
    assert locate(Document("a.yaml", "", None, ()), Scalar("nope", span), 0, 4) == span
