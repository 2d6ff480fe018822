"""The chain of a journal: what is changed, cut or mixed up is found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.errors import JournalBroken
from runner.run.event import GENESIS, Event, EventDraft, seal, verify


@pytest.fixture
def events():
    made, prev = [], GENESIS
    for number, type_ in enumerate(["run.created", "run.started", "run.succeeded"], 1):
        made.append(seal(EventDraft(type_, "2026-01-01T00:00:00.000000Z", data={"n": number}), "r", number, prev))
        prev = made[-1].hash
    return made


def test_a_whole_chain_holds(events):
    assert verify(events, "r", (3, events[-1].hash)) == 3
    assert verify([], "r") == 0
    assert [Event.from_json(event.to_json()) for event in events] == events


def test_a_changed_event_is_found(events):
    events[1] = replace(events[1], data={"n": 7})
    with pytest.raises(JournalBroken, match=r"event 2 \(run.started\) does not match its hash"):
        verify(events, "r")


def test_a_missing_event_is_found(events):
    del events[1]
    with pytest.raises(JournalBroken, match="event 2 is missing"):
        verify(events, "r")


def test_an_event_of_another_run_is_found(events):
    events[0] = replace(events[0], run="q")
    with pytest.raises(JournalBroken, match=r"event 1 is missing .found 1 of run q"):
        verify(events, "r")


def test_a_cut_end_is_found_by_the_head(events):
    head = (3, events[-1].hash)
    with pytest.raises(JournalBroken, match="ends at event 2, but the store has acknowledged 3"):
        verify(events[:2], "r", head)
