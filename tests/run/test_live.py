"""Boxes are known while they live, and only then; what is told of them is part of the run's journal."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from runner.run.live import LiveBoxes

TWO = """
spec: 1
name: lab
sandboxes:
  one: {needs: {runtime: python}, prefer: [e2b]}
  two: {needs: {runtime: python}, prefer: [e2b]}
steps:
  a: {sandbox: one, run: "true"}
  b: {sandbox: two, after: [a], run: "true"}
"""


@pytest.fixture
def watched(lab):
    def run(text, live):
        setup = lab.setup
        lab.setup = lambda: replace(setup(), live=live)
        return lab.play(text)

    return run


def test_a_box_is_known_from_its_making_to_its_end(watched):
    entered = []
    live = LiveBoxes(entered.append)
    done = watched(TWO, live)
    assert [(each.run, each.sandbox) for each in entered] == [(done.report.run, "one"), (done.report.run, "two")]
    assert [each.box.id for each in entered] == [event.data["box"] for event in done.of("box.created")]
    assert live.all() == []


def test_what_is_told_of_a_box_stands_in_the_journal(watched):
    seen = []

    def entered(each):
        seen.append([other.sandbox for other in live.all()])
        each.tell("preview.ready", {"port": 80, "address": "http://80--r.localhost:1/", "box": each.box.id})

    live = LiveBoxes(entered)
    done = watched(TWO, live)
    assert [event.data["box"] for event in done.of("preview.ready")] == [
        event.data["box"] for event in done.of("box.created")
    ]
    assert seen == [["one"], ["two", "one"]], "the newest first"


def test_a_box_that_died_is_known_no_more(lab, watched):
    made = []

    def entered(each):
        made.append(each)
        asyncio.get_running_loop().call_later(0.2, each.box.end)

    live = LiveBoxes(entered)
    done = watched(TWO.replace('run: "true"}', 'run: "sleep 5"}', 1), live)
    assert (done.state, len(made), live.all()) == ("failed", 1, [])
