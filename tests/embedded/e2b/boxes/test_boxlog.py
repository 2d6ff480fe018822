"""What boxes say, and why they ended."""

from __future__ import annotations

import re

from runner.embedded.e2b.boxes.boxlog import KEPT, KEPT_AFTERWARDS, KEPT_SIZE, BoxLog
from runner.embedded.e2b.boxes.endings import REMEMBERED, Endings


def test_the_newest_entries_stay() -> None:
    log = BoxLog()
    for n in range(KEPT + 10):
        log.say(str(n), source="test")
    entries = list(log)
    assert (len(entries), entries[0].message, entries[-1].message) == (KEPT, "10", str(KEPT + 9))
    assert entries[-1].fields == {"source": "test"}


def test_a_log_does_not_grow_beyond_its_size_and_shrinks_at_the_end() -> None:
    log = BoxLog()
    for n in range(200):
        log.say(f"{n} " + "x" * 5_000)
    sizes = [len(each.message) for each in log]
    assert sum(sizes) <= KEPT_SIZE
    assert len(sizes) > 40
    Endings().note("ibox", "it ended by itself", log)
    assert [each.message.split()[0] for each in log] == ["197", "198", "199"]
    assert sum(len(each.message) for each in log) <= KEPT_AFTERWARDS


def test_pieces_become_lines() -> None:
    log = BoxLog()
    hear = log.lines(logger="start")
    for piece in ("one\ntw", "o\n", "\nrest"):
        hear(piece)
    assert [each.message for each in log] == ["one", "two", ""]
    hear("x" * 10_000)
    assert len(list(log)[-1].message) == 8192, "a line without an end does not grow for ever"
    assert {each.fields["logger"] for each in log} == {"start"}


def test_an_ending_is_remembered_for_a_while() -> None:
    endings = Endings()
    endings.note("ione", "it was killed by a request", BoxLog())
    endings.note("ione", "the endpoint ended", BoxLog())
    assert re.fullmatch(r": it was killed by a request at \d{4}-\d\d-\d\dT[\d:.]+Z", endings.why("ione"))
    assert endings.why("inever") == ""
    for n in range(REMEMBERED):
        endings.note(f"i{n}", "it ended by itself", BoxLog())
    assert endings.find("ione") is None
    endings.forget("i5")
    assert endings.why("i5") == ""
