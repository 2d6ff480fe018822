"""The judge sees what it is there for: each promise, broken on purpose."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from runner.run.logfile import LogWriter, log_path
from tests.chaos.cases import CHAIN, ONCE
from tests.chaos.drive import Story, drive
from tests.chaos.judge import Sight, judged, left_over
from tests.chaos.place import Place
from tests.chaos.processes import descendants

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("judged"))


@pytest.fixture(scope="module")
def story(place: Place) -> Story:
    return drive(place, CHAIN, ())


def sight(place: Place, story: Story, *witnessed: tuple[str, str, int]) -> Sight:
    return asyncio.run(judged(place, story, Counter(witnessed)))


def told(place: Place, story: Story, *witnessed: tuple[str, str, int]) -> list[str]:
    return [str(fault) for fault in sight(place, story, *witnessed).faults]


def test_a_run_that_nobody_disturbed_keeps_every_promise(place: Place, story: Story) -> None:
    found = sight(place, story)
    assert found.faults == []
    assert found.end is not None
    assert (found.end.state, found.end.outputs) == ("succeeded", {"lines": 3, "last": "three"})
    assert found.events == len(story.acknowledged) > 15
    assert left_over(place, frozenset(descendants())) == []


def test_an_event_that_was_told_and_is_not_there_is_lost(place: Place, story: Story) -> None:
    assert story.run is not None
    more = Story(CHAIN, {**story.acknowledged, (story.run, 99): "0" * 64, (story.run, 1): "0" * 64}, story.run)
    assert [each.partition(" of")[0] for each in told(place, more)] == ["lost: event 99", "lost: event 1"]


def test_an_attempt_that_a_witness_saw_twice_or_too_late_is_repeated(place: Place, story: Story) -> None:
    run = str(story.run)
    assert told(place, story, (run, "first", 1)) == []
    (twice,) = told(place, story, (run, "first", 1), (run, "first", 1))
    assert "attempt 1 of first" in twice
    assert twice.endswith("was made 2 times")
    (unknown,) = told(place, story, (run, "first", 2))
    assert unknown.endswith("the journal knows nothing of it")


@pytest.fixture
def said_twice(place: Place, story: Story) -> Iterator[None]:
    path = log_path(place.state, str(story.run), "second", 1)
    before = path.read_bytes()
    with LogWriter(path) as log:
        log.write("stdout", "did second 1\n")
    yield
    path.write_bytes(before)


@pytest.mark.usefixtures("said_twice")
def test_an_attempt_whose_output_tells_of_it_twice_is_repeated(place: Place, story: Story) -> None:
    (fault,) = told(place, story)
    assert fault.startswith("repeated: by its output, attempt 1 of second")


def test_a_run_that_does_not_end_is_told(place: Place) -> None:
    (fault,) = told(place, Story(ONCE, stuck="it hangs"))
    assert fault == "stuck: it hangs"
    (fault,) = told(place, Story(ONCE))
    assert fault.startswith("lost: no command told of a run")


def test_what_is_left_is_told(place: Place) -> None:
    known = frozenset(descendants())
    rest, temporary = place.state / "boxes" / "r", place.temporary / "left"
    rest.mkdir(parents=True)
    temporary.touch()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        try:
            faults = [str(fault) for fault in left_over(place, known, lease=0.2)]
        finally:
            process.communicate()
            rest.rmdir()
            temporary.unlink()
    words = (f"process {process.pid} is left", f"{rest} is left", f"{temporary} is left")
    assert [fault.startswith(f"orphan: {word}") for word, fault in zip(words, faults, strict=True)] == [True] * 3
