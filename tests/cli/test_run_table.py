"""The page at the end of a run."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from click import unstyle

from runner.cli.run_table import page
from runner.run.execute import Report

DOCUMENT = {"created_at": "2026-01-01T00:00:00Z", "ended_at": "2026-01-01T00:01:05Z", "message": "it\nfailed"}
STEP = {"state": "skipped", "attempt": 0, "started_at": None, "ended_at": None, "provider": None, "message": "a failed"}


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 * 2**20, "5.0 MiB"), (3 * 2**30, "3.0 GiB"), (None, "0 B")],
)
def test_sizes_for_people(size, shown):
    artifact = {"files": 2, "bytes": size, "digest": "ab" * 32}
    text = page(Report("r", "failed", DOCUMENT, {"b": STEP}, {}, {"a/d": artifact}), Path(".runner"))
    assert f"a/d       2      {shown}" in text


def test_the_end_in_one_line_with_warnings_before_it():
    report = Report("r", "failed", DOCUMENT, {"b": STEP}, {}, {}, ("box x could not be freed",))
    lines = unstyle(page(report, Path(".runner"))).splitlines()
    assert lines[1].split() == ["STEP", "STATE", "ATTEMPTS", "TIME", "PROVIDER", "MESSAGE"]
    assert lines[2].split() == ["b", "skipped", "–", "–", "–", "a", "failed"]
    assert "warning: box x could not be freed" in lines
    assert lines[-2] == "run r failed in 1 m 05 s: it failed"
    assert lines[-1] == "next: runner logs r · runner status r · runner audit verify r"


def test_what_to_type_next_can_be_pasted_into_a_shell():
    report = Report("r", "failed", DOCUMENT, {"a[x=1, y=$HOME]": {**STEP, "state": "failed"}}, {}, {})
    last = unstyle(page(report, Path("/a folder"))).splitlines()[-1]
    first = last.removeprefix("next: ").split(" · ")[0]
    assert shlex.split(first) == ["runner", "logs", "r", "a[x=1, y=$HOME]", "--state", "/a folder"]
    assert "'a[x=1, y=$HOME]'" in first


def test_who_did_the_work_of_a_step():
    steps = {
        "boxed": {**STEP, "provider": "e2b"},
        "below": {**STEP, "state": "failed", "child": "20260101-000000-abcdef"},
        "kept": {**STEP, "cached": {"run": "r0", "leg": "kept"}},
    }
    document = {**DOCUMENT, "outputs": {"size": 7}}
    lines = unstyle(page(Report("r", "failed", document, steps, {}, {}), Path(".runner"))).splitlines()
    assert [" ".join(line.split()[4:-2]) for line in lines[2:5]] == ["e2b", "run 20260101-000000-abcdef", "cache"]
    assert 'outputs {"size": 7}' in lines
    assert lines[-1].startswith("next: runner logs 20260101-000000-abcdef · runner status r")


def test_names_with_line_breaks_stay_on_one_line():
    steps = {"a[x=1\n2\x1b[2J]": {**STEP, "state": "failed", "step": "a"}}
    lines = unstyle(page(Report("r", "failed", DOCUMENT, steps, {}, {}), Path(".runner"))).splitlines()
    assert lines[2].startswith("a[x=1 2 [2J]  failed")
    assert lines[-1].startswith("next: runner logs r a · ")
