"""The output of an attempt on its way to its file and to people."""

from __future__ import annotations

import json

import pytest

from runner.errors import StoreFull
from runner.run.mask import Mask
from runner.run.output_log import OutputLog


@pytest.fixture
def seen():
    return []


@pytest.fixture
def log(tmp_path, seen):
    return OutputLog(Mask(["hunter22"]), tmp_path, ("r", "a", 1), lambda *piece: seen.append(piece))


def lines(tmp_path):
    (path,) = tmp_path.rglob("*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_both_streams_are_masked_kept_and_shown(tmp_path, log, seen):
    log.write("stdout", "my hunt")
    log.write("stderr", "oh\n")
    log.write("stdout", "er22\n")
    log.note("by the way\n")
    closed = log.close()
    assert [(line["stream"], line["text"]) for line in lines(tmp_path)] == [
        ("stdout", "my "),
        ("stderr", "oh\n"),
        ("stdout", "***\n"),
        ("stderr", "by the way\n"),
    ]
    assert seen[0] == ("a", "stdout", "my ")
    assert set(closed) == {"digest", "bytes"}
    assert log.last_words() == ": by the way"
    log.check()


def test_silence_leaves_no_file(tmp_path, log):
    assert log.close() is None
    assert log.last_words() == ""
    assert list(tmp_path.iterdir()) == []


def test_without_an_audience(tmp_path):
    log = OutputLog(Mask([]), tmp_path, ("r", "a", 1))
    log.write("stdout", "x")
    assert log.close()["bytes"] > 0


def test_a_full_disk_is_told_at_the_end_and_never_breaks_the_stream(log, seen, monkeypatch):
    class Full:
        def __init__(self, path):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("runner.run.output_log.LogWriter", Full)
    log.write("stdout", "one\n")
    log.write("stdout", "two\n")
    assert log.close() is None
    assert [text for _, _, text in seen] == ["one\n", "two\n"]
    with pytest.raises(StoreFull, match="no space left"):
        log.check()


def test_a_run_whose_log_cannot_be_written_ends_with_that_error(lab, make_step, monkeypatch):
    class Full:
        def __init__(self, path):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("runner.run.output_log.LogWriter", Full)
    with pytest.raises(StoreFull, match="no space left"):
        lab.run(make_step("a", "echo hi"))
    assert not lab.cloud.boxes
