"""What happens unforeseen disturbs nobody; what is refused on purpose is told."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from runner.editor.analysis import Analysis
from runner.editor.features import _calm, _smallest, make
from runner.editor.wire import positions

PARAMS = SimpleNamespace(text_document=SimpleNamespace(uri="file:///a.yaml"))


def answered(text: str, handler: Any) -> object:
    server: Any = SimpleNamespace(analysis=lambda _uri: Analysis(text))
    return _calm(handler)(server, PARAMS)


def test_the_unforeseen_is_no_answer_and_stands_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def handler(_server: object, _params: object) -> str:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        assert answered("spec: 1\n", handler) is None
    assert "could not be answered" in caplog.text


def test_what_is_refused_is_told() -> None:
    def handler(_server: object, _params: object) -> str:
        raise JsonRpcInvalidParams("no")

    with pytest.raises(JsonRpcInvalidParams):
        answered("spec: 1\n", handler)


def test_questions_about_other_files_have_no_answer() -> None:
    assert answered("spec: 1\n", lambda _server, _params: 1) == 1
    assert answered("on: push\n", lambda _server, _params: 1) is None


def test_a_server_has_every_feature() -> None:
    features = make().protocol.fm.features
    assert {"textDocument/completion", "textDocument/rename", "textDocument/inlayHint"} <= features.keys()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a\nb\nc\n", "a\nx\nc\n"),
        ("a\nb", "a\nb\n"),
        ("a\n\n\n", "a\n"),
        ("a\r\nb \r\n", "a\r\nb\r\n"),
        ("x", "y\nz\n"),
        ("a\n", "a\nb\nc\n"),
    ],
)
def test_what_is_formatted_replaces_no_more_lines_than_it_must(old: str, new: str) -> None:
    at = positions(old, types.PositionEncodingKind.Utf16)
    edit = _smallest(old, new, at)
    starts = [0]
    for line in old.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    begin, end = (starts[place.line] + place.character for place in (edit.range.start, edit.range.end))
    assert old[:begin] + edit.new_text + old[end:] == new
    if old.startswith("a\nb\nc"):
        assert edit.range.start.line == 1
