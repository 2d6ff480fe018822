from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import UsageError
from runner.run.logfile import LogWriter, attempts, log_path, original_name, read_log, safe_name


def test_what_is_written_is_read_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder" / "build.1.jsonl"
    with LogWriter(path) as log:
        log.write("stdout", "one\n")
        log.write("stderr", "zwei ünïcode \u2028 \x00 \ud800")
        log.write("stdout", "")
        log.write("stdout", "three\nfour")
    assert [(line.stream, line.text) for line in read_log(path)] == [
        ("stdout", "one\n"),
        ("stderr", "zwei ünïcode \u2028 \x00 \ud800"),
        ("stdout", "three\nfour"),
    ]


def test_each_line_is_there_before_the_log_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.1.jsonl"
    log = LogWriter(path)
    log.write("stdout", "now")
    assert json.loads(path.read_bytes())["text"] == "now"
    log.close()


def test_close_gives_digest_and_size_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.1.jsonl"
    log = LogWriter(path)
    log.write("stdout", "x" * 1000)
    assert log.close() == (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
    again = LogWriter(path)
    again.write("stderr", "more")
    assert again.close() == (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)


def test_a_half_written_line_hides_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.1.jsonl"
    with LogWriter(path) as log:
        log.write("stdout", "kept")
    path.write_bytes(path.read_bytes() + b'{"ts": "2026')
    assert [line.text for line in read_log(path)] == ["kept"]
    with LogWriter(path) as log:
        log.write("stdout", "after the crash")
    assert [line.text for line in read_log(path)] == ["kept", "after the crash"]


def test_a_missing_log_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        list(read_log(tmp_path / "no.1.jsonl"))
    assert "runner status" in error.value.hint


@pytest.mark.parametrize(
    "key",
    ["build", "test[shard=1,os=debian 12]", "../../etc/passwd", "a/b\\c", "..", "", "Ünï[x=日本]", "a\x00b", "%41"],
)
def test_a_leg_key_makes_one_harmless_file_name(tmp_path: Path, key: str) -> None:
    path = log_path(tmp_path, "r1", key, 2)
    assert path.parent == tmp_path / "runs" / "r1" / "logs"
    assert path.resolve().parent == path.parent.resolve()
    LogWriter(path).close()
    assert path.is_file()
    assert original_name(safe_name(key)) == key


@given(st.text(max_size=15))
def test_safe_names_can_be_turned_back(key: str) -> None:
    name = safe_name(key)
    assert original_name(name) == key
    assert name not in ("", ".", "..")
    assert name.isascii()
    assert "/" not in name


def test_long_keys_stay_different_and_short_enough(tmp_path: Path) -> None:
    first, second = "m[x=" + "é" * 500 + "1]", "m[x=" + "é" * 500 + "2]"
    assert safe_name(first) != safe_name(second)
    assert original_name(safe_name(first)) is None
    path = log_path(tmp_path, "r", first, 123456)
    LogWriter(path).close()
    assert len(path.name.encode()) <= 255


def test_keys_that_differ_in_case_have_different_files_everywhere() -> None:
    assert safe_name("Build").lower() != safe_name("build").lower()


def test_attempts_are_found_by_leg(tmp_path: Path) -> None:
    for key, attempt in (("a", 1), ("a", 10), ("a", 2), ("a.2", 7), ("b", 1)):
        LogWriter(log_path(tmp_path, "r", key, attempt)).close()
    assert attempts(tmp_path, "r", "a") == [1, 2, 10]
    assert attempts(tmp_path, "r", "a.2") == [7]
    assert attempts(tmp_path, "unknown", "a") == []
