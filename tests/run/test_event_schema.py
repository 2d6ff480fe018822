"""schemas/event.v1.schema.json describes every event type, and the events that are sealed fit it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from runner.run.event import EVENT_TYPES, GENESIS, EventDraft, seal

TS = "2026-01-31T12:00:00.000000Z"


@pytest.fixture(scope="module")
def validator(root: Path) -> Any:
    schema = json.loads((root / "schemas" / "event.v1.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_every_type_has_its_data_described(validator: Any) -> None:
    described = {one["title"]: one["description"] for one in validator.schema["oneOf"]}
    assert described == EVENT_TYPES
    assert validator.schema["properties"]["type"]["enum"] == list(EVENT_TYPES)


def test_a_sealed_event_fits(validator: Any) -> None:
    draft = EventDraft("step.retrying", TS, "a", 1, {"class": "exit", "message": "exit code 1", "delay": 2.0})
    assert validator.is_valid(seal(draft, "r1", 1, GENESIS).to_json())


@pytest.mark.parametrize(
    "draft",
    [
        EventDraft("step.sang", TS),
        EventDraft("step.retrying", TS, "a", 1, {"class": "exit"}),
        EventDraft("step.started", "yesterday", "a", 1),
        EventDraft("step.started", TS, "a", 0),
    ],
)
def test_what_is_no_event_does_not_fit(validator: Any, draft: EventDraft) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(seal(draft, "r1", 1, GENESIS).to_json())
