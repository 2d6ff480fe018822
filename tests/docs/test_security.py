"""docs/security.md lists every case of the escape suite, as its file says it."""

from __future__ import annotations

from pathlib import Path

from tests.escape.cases import cases, table

PAGE = Path(__file__).parents[2] / "docs" / "security.md"


def test_every_case_has_its_row() -> None:
    """To mend it: `python -c 'from tests.escape.cases import table; print(table())'` prints the table."""
    page = PAGE.read_text(encoding="utf-8")
    assert table() in page
    rows = [line for line in page.splitlines() if line.startswith("| `") and line.count(" | ") == 3]
    assert len(rows) == len(cases("programs")) + len(cases("clients"))


def test_there_are_many() -> None:
    assert len(cases("programs")) + len(cases("clients")) >= 55
