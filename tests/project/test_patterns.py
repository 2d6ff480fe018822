"""Patterns of paths mean what they mean in `.gitignore`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.project.patterns import matches

PATHS = [
    "a.yaml",
    "x.yml",
    "d/a.yaml",
    "d/e/a.yaml",
    "d/e/old-1.yaml",
    "drafts/a.yaml",
    "d/drafts/b.yaml",
    "a+b.yaml",
    "d/[x].yaml",
]
PATTERNS = [
    "a.yaml", "*.yaml", "drafts/", "drafts", "/a.yaml", "/drafts", "d/*.yaml", "d/**", "d/**/a.yaml", "**/a.yaml",
    "d/e", "?.yaml", "[ax].y*", "[!a].yml", "a+b.yaml", "**/old-*", "d/*/a.yaml", "nothing", "*", "**", "d/**/e/*.yaml",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_as_git_ignores(pattern: str, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / ".git" / "info").mkdir(exist_ok=True)
    (tmp_path / ".git" / "info" / "exclude").write_text(pattern + "\n")
    done = subprocess.run(
        ["git", "-C", tmp_path, "check-ignore", "--no-index", "--stdin"],
        input="\n".join(PATHS), capture_output=True, text=True, check=False,
    )  # fmt: skip
    ignored = [line.strip('"') for line in done.stdout.splitlines()]
    assert [path for path in PATHS if matches([pattern], path)] == ignored


def test_several_patterns_and_none() -> None:
    assert matches(["b", "a/"], "a/x.yaml")
    assert not matches([], "a/x.yaml")
    assert matches(["./a"], "a/x.yaml")
    assert not matches(["./a"], "b/a/x.yaml")


@given(st.text("ab[]!^-\\*?/.{}()|&~", max_size=8))
def test_any_text_is_a_pattern(pattern: str) -> None:
    assert matches([pattern], "a/b") in (True, False)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [("*a" * 100 + "b", "a" * 200), ("**/a/" * 60 + "b", "a/" * 300 + "c")],
    ids=["stars", "folders"],
)
def test_no_pattern_takes_for_ever(pattern: str, path: str) -> None:
    assert not matches([pattern], path)
    assert matches([pattern], path[:-1] + "ab" if pattern.startswith("*a") else path[:-1] + "a/b")
