"""The compiler asks for no clock: the same text gives the same findings and the same plan on every day."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

COMPILER = Path(__file__).parents[2] / "runner" / "compiler"
CLOCKS = frozenset({"now", "utcnow", "today", "monotonic", "time_ns"})


def clocks_in(text: str) -> list[str]:
    calls = [node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return [one.attr for one in calls if isinstance(one, ast.Attribute) and one.attr in CLOCKS]


@pytest.mark.parametrize("path", sorted(COMPILER.rglob("*.py")), ids=lambda path: str(path.relative_to(COMPILER)))
def test_no_file_asks_for_the_time(path: Path) -> None:
    assert clocks_in(path.read_text(encoding="utf-8")) == []


def test_a_clock_would_be_seen() -> None:
    assert clocks_in("from datetime import date\nx = date.today()") == ["today"]
