"""Documents held against their journal: every change of one that no event tells is named. That whole runs agree is
checked after each run of this folder, by the laboratory.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from runner.run.event import EventDraft
from runner.run.journal import TABLES
from runner.run.ports import Change
from runner.run.replay import compared, differences
from runner.store.memory import MemoryStore

TS = "2026-01-31T12:00:00.000000Z"
HEAD = """
spec: 1
name: lab
sandboxes: {own: {needs: {runtime: shell}, scope: step}}
"""
SPEC = HEAD + """
steps:
  a: {sandbox: own, run: 'echo "n=1" >> "$RUNNER_OUTPUT"; echo x > f', outputs: {n: {type: integer}, f: {artifact: f}}}
  b: {sandbox: own, after: [a], run: exit 3, retry: {attempts: 1}}
milestones: [{id: all, title: All, week: 1, needs: [a]}]
"""  # fmt: skip


@pytest.fixture
def done(lab):
    """A run that ended: its id, its documents by table, its events."""
    run = lab.play(SPEC).report.run

    async def main():
        tables = {}
        for table in TABLES:
            tables[table] = {record.key: record.data for record in await lab.store.all(run, table)}
        return run, tables, await lab.store.events(run)

    return asyncio.run(main())


def test_a_run_agrees_with_its_journal_and_so_does_one_whose_journal_has_no_beginning(done):
    run, tables, events = done
    assert differences(run, tables, events) == []
    assert differences(run, tables, []) == []
    assert differences(run, {}, events[3:]) == []


@pytest.mark.parametrize(
    ("table", "key", "changed", "told"),
    [
        ("run", None, {"state": "running"}, "its state is 'running' in the state, and 'failed' after its journal"),
        ("run", None, {"plan_digest": "0"}, "its plan_digest is '0' in the state"),
        ("run", None, {"rerun_of": {"run": "r"}}, "its rerun_of is {'run': 'r'} in the state, and None after"),
        ("attempt", "b#1", {"state": "succeeded"}, "attempt b#1: its state is 'succeeded' in the state, and 'failed'"),
        ("step", "a", {"state": "pending"}, "step a: its state is 'pending' in the state, and 'succeeded' after"),
        ("step", "a", {"outputs": {"n": 2}}, "step a: its outputs is {'n': 2} in the state, and {'n': 1} after"),
        ("step", "b", {"attempt": 2}, "step b: its attempt is 2 in the state, and 1 after"),
        ("step", "b", {"error_class": "box"}, "step b: its error_class is 'box'"),
        ("milestone", "all", {"state": "missed"}, "milestone all: its state is 'missed' in the state, and 'reached'"),
        ("artifact", "a/f", {"digest": "x" * 200}, f"artifact a/f: its digest is '{'x' * 78}… in the state, and "),
    ],
)
def test_a_changed_document_is_named_with_both_values(done, table, key, changed, told):
    run, tables, events = done
    key = key or run
    tables[table][key] = {**tables[table][key], **changed}
    (sentence,) = differences(run, tables, events)
    assert sentence.startswith(f"run {run}: {table} {key}: ")
    assert told in sentence


def test_a_list_is_replayed_with_its_legs_and_a_run_below_and_a_decision_with_it(lab):
    """What these leave agrees, and each part of it is compared."""
    child = HEAD + "steps: {one: {sandbox: own, run: echo one}}"
    text = (
        HEAD
        + """
steps:
  each: {sandbox: own, for_each: {items: [1, 2]}, run: 'echo ${{ item }}'}
  below: {workflow: child.yaml}
"""
    )
    run = lab.play(text, files={"child.yaml": child}).report.run

    async def main():
        tables = {}
        for table in TABLES:
            tables[table] = {record.key: record.data for record in await lab.store.all(run, table)}
        events = await lab.store.events(run)
        assert differences(run, tables, events) == []
        asked = replace(events[0], type="approval.asked", step="below", attempt=1, data={"question": "q"})
        answered = replace(asked, type="approval.decided", data={"question": "q", "decision": "approve"})
        begun = next(event for event in events if event.type == "step.started" and event.step == "below")
        events[events.index(begun) : events.index(begun)] = [asked, answered]
        told = {"question": "q", "step": "below", "attempt": asked.attempt, "asked_at": asked.ts}
        tables["approval"]["below/q"] = {**asked.data, **told, "decision": {"decision": "approve"}}
        assert differences(run, tables, events) == []  # it was answered, and went on
        tables["step"]["below"]["approval"] = {"question": "q"}
        tables["step"]["below"]["child"] = "another"
        tables["step"].pop("each[1]")
        return differences(run, tables, events)

    approval, below, gone, total = sorted(asyncio.run(main()))
    assert "below: its approval is {'question': 'q'} in the state, and None after" in approval
    assert "below: its child is 'another'" in below
    assert "each[1]: the journal tells of it, and the state has no document" in gone
    assert "the state has 3 legs, the journal tells of 4" in total


def test_a_document_too_many_or_too_few_is_named(done):
    run, tables, events = done
    box = next(iter(tables["box"]))
    tables["box"]["other"] = tables["box"].pop(box)
    tables["step"]["c"] = {"state": "pending"}
    tables["milestone"]["more"] = {"state": "pending"}
    assert sorted(differences(run, tables, events)) == sorted(
        [
            f"run {run}: box {box}: the journal tells of it, and the state has no document of it",
            f"run {run}: box other: the state has a document of it, and the journal does not tell of it",
            f"run {run}: the state has 3 legs, the journal tells of 2",
        ]
    )


def test_a_leg_that_no_event_tells_of_is_one_that_waits(done):
    run, tables, events = done
    few = [event for event in events if event.step != "b" and event.type != "run.failed"]
    assert f"run {run}: step b: its state is 'failed' in the state, and 'pending' after its journal" in differences(
        run, tables, few
    )


def test_a_journal_that_takes_a_forbidden_turn_is_named(done):
    run, tables, events = done
    first = next(event for event in events if event.type == "step.succeeded")
    again = replace(first, seq=99)
    assert differences(run, tables, [*events, again]) == [
        f"run {run}: event 99 (step.succeeded) cannot be: step a: no move from succeeded to succeeded"
    ]


def test_what_is_unknown_to_this_version_tells_nothing(done):
    run, tables, events = done
    more = [EventDraft(type_, TS, step) for type_, step in (("box.new", None), ("run.new", None), ("step.new", "a"))]
    sealed = [replace(events[0], type=each.type, step=each.step, data={}) for each in more]
    assert differences(run, tables, [*events, *sealed]) == []


class Moving(MemoryStore):
    """A store in which the run goes on with every look at it, `times` times."""

    def __init__(self, times):
        super().__init__()
        self.times = times

    async def events(self, run, after=0, limit=None):
        found = await super().events(run, after, limit)
        if self.times:
            self.times -= 1
            rev = (await self.get(run, "step", "a")).rev
            await self.commit(
                run, [Change("step", "a", rev, {"state": "ready"})], [EventDraft("step.waiting", TS, "a")]
            )
        return found


@pytest.mark.parametrize(("times", "settled"), [(0, True), (3, True), (9, False)])
def test_documents_and_events_are_compared_as_of_one_moment(times, settled):
    async def main():
        store = Moving(times)
        await store.open()
        run = Change("run", "r", 0, {"state": "running", "steps_total": 1})
        step = Change("step", "a", 0, {"state": "ready"})
        drafts = [("run.created", None), ("run.started", None), ("step.ready", "a")]
        events = [EventDraft(type_, TS, key, None, {"steps_total": 1}) for type_, key in drafts]
        await store.commit("r", [run, step], events)
        return await compared(store, "r")

    found = asyncio.run(main())
    assert (found.differences, found.settled) == ((), settled)
