"""A question as a form: its fields, and what is made of an answer."""

from __future__ import annotations

from typing import Any

import pytest

from runner.flow.pages.slip import Slip, answer, description, schema, slip_of
from runner.run.event import Event

FORM: Any = {
    "share": {"type": "integer", "minimum": 1, "default": 10, "description": "Percent."},
    "comment": {"type": "string", "title": "Release note"},
    "until": {"type": ["string", "null"]},
}
SLIP = Slip("r-1", "gate", "go/gate", "approve-1", "approve", "Ship <it>?", FORM, "lead", 60.0, "fail")


def test_the_fields_of_the_spec_come_after_those_of_the_form_and_never_take_their_names() -> None:
    found: Any = schema(SLIP)
    assert [(name, field["title"], field["position"]) for name, field in found["properties"].items()] == [
        ("decision", "Decision", 0),
        ("answered_by", "Your name", 1),
        ("comment", "Comment", 2),
        ("share", "share", 3),
        ("comment_", "Release note", 4),
        ("until", "until", 5),
    ]
    assert found["properties"]["share"] == {
        "type": "integer",
        "minimum": 1,
        "default": 10,
        "description": "Percent.",
        "title": "share",
        "position": 3,
    }
    assert found["properties"]["comment_"]["description"] == "Needed to approve."
    assert found["required"] == ["decision", "answered_by"], "who rejects fills in no field"


def test_an_answer_has_the_fields_under_their_own_names() -> None:
    given: Any = {"decision": "approve", "answered_by": " Ann  B. ", "comment": "now", "comment_": "1.2", "until": None}
    said, wrong = answer(SLIP, {**given, "share": None})
    assert wrong == []
    assert said is not None
    assert (said.action, said.by, said.comment) == ("approve", "Ann B., in Prefect's pages", "now")
    assert said.values == {"comment": "1.2", "until": None}, "an empty field that may not be null is left out"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (None, "choose `approve` or `reject`"),
        ({"decision": "perhaps", "answered_by": "Ann"}, "choose `approve` or `reject`"),
        ({"decision": "reject", "answered_by": " ", "comment": "no"}, "say who you are"),
        ({"decision": "reject", "answered_by": "Ann", "comment": " "}, "a rejection needs a comment"),
        ({"decision": "approve", "answered_by": "Ann", "until": ""}, "field `comment` is missing"),
        ({"decision": "approve", "answered_by": "Ann", "comment_": "", "until": "", "share": 0}, "field `share`: 0"),
    ],
)
def test_what_is_no_answer_is_said(given: Any, sentence: str) -> None:
    said, wrong = answer(SLIP, given)
    assert said is None
    assert any(sentence in each for each in wrong), wrong


def test_a_rejection_fills_in_nothing() -> None:
    said, _ = answer(SLIP, {"decision": "reject", "answered_by": "Ann", "comment": "no", "share": 0})
    assert said is not None
    assert (said.action, said.values) == ("reject", {})


def test_above_the_form_stands_what_is_asked_of_whom_until_when_and_what_was_wrong() -> None:
    text = description(SLIP, "2026-01-01", ["field `x` is missing"])
    for words in (
        "Ship &lt;it&gt;?",
        "`go/gate` of run `r-1`, asked of lead",
        "until 2026-01-01, the step fails",
        "missing",
    ):
        assert words in text, text
    assert "until" not in description(SLIP, "", [])


def test_a_question_is_what_its_event_says() -> None:
    data: Any = {"question": "repeat-2", "about": "repeat", "prompt": "Again?", "form": {}, "owner": None}
    asked: Any = {**data, "until": None}
    event = Event("r", 1, "2026-01-01T00:00:00.000000Z", "approval.asked", "pay", 2, asked, "")
    found = slip_of(event, "pay")
    assert (found.key, found.until, found.on_timeout) == ("r/pay/repeat-2", None, None)
    assert "Repeat it?" in description(found, "", [])
