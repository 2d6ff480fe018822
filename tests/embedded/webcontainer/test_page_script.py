"""Scripts in the pages of previews: where they go in, in whatever pieces a document comes, and what is refused."""

from __future__ import annotations

import json

import pytest

from runner.embedded.webcontainer.page_script import Insertion, PageScripts


def scripts(
    text: str = "1", kind: str = "", errors: str = "none", *, defer: bool = False, later: bool = False
) -> PageScripts:
    made = PageScripts()
    asked = {"text": text, "type": kind, "defer": defer, "async": later}
    made.set(json.dumps({"script": asked, "errors": errors}).encode())
    return made


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    "before",
    ["", "<!doctype html>", "\ufeff<!DOCTYPE html>\n", " \n<!-- a > b --> <!doctype html><!-- <html> -->\n"],
)
@pytest.mark.parametrize("rest", ["", "<html><head></head></html>", "text", "<p>"])
def test_elements_go_in_behind_the_doctype(before: str, rest: str, size: int) -> None:
    document = (before + rest).encode()
    insertion = Insertion(b"<script></script>")
    parts = [insertion.feed(document[at : at + size]) for at in range(0, len(document), size)]
    assert (b"".join(parts) + insertion.end()).decode() == before + "<script></script>" + rest


def test_a_document_that_is_all_comment_goes_on_before_its_end() -> None:
    insertion = Insertion(b"<script></script>")
    assert insertion.feed(b"<!--" + b"x" * 70_000).startswith(b"<script></script><!--")


@pytest.mark.parametrize(
    ("made", "element"),
    [
        (scripts(), '<script src="/__runner/preview-script.js"></script>'),
        (scripts(kind="module"), '<script src="/__runner/preview-script.js" type="module"></script>'),
        (
            scripts(defer=True, later=True),
            '<script src="/__runner/preview-script.js" defer async></script>',
        ),
        (
            scripts('{"imports": {"a": "</script>"}}', "importmap"),
            '<script type="importmap">{"imports": {"a": "\\u003c/script>"}}</script>',
        ),
    ],
)
def test_a_script_is_the_element_that_the_client_asked_for(made: PageScripts, element: str) -> None:
    assert made.head.decode() == element


def test_errors_are_told_by_a_script_that_comes_first() -> None:
    first, second = scripts(errors="exceptions").head.decode().split("><", 1)
    assert first == '<script src="/__runner/preview-errors.js" data-errors="exceptions"'
    assert "preview-script.js" in second


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"errors": "some"}', b'{"errors": "none", "script": {"text": 1}}',
             b'{"errors": "none", "script": {"text": "", "type": "text/css"}}', b'{"errors": "none", "script": []}'],
)  # fmt: skip
def test_what_our_engine_does_not_send_is_refused(body: bytes) -> None:
    made = scripts()
    with pytest.raises(ValueError):  # noqa: PT011  of several kinds: JSON's own, too
        made.set(body)
    assert made.script is not None
