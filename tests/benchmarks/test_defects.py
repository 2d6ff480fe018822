"""Every seeded defect is caught: one finding, its code, exactly its place, and what was meant by a misspelt name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.defects import peers
from benchmarks.defects.classes import BASE, DEFECTS, Defect, seed
from runner.compiler.compile import check


def test_the_base_is_silent() -> None:
    assert check(BASE.read_bytes(), BASE.name) == []


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_one_finding_stands_exactly_at_the_mistake(defect: Defect) -> None:
    seeded = seed(defect)
    found = check(seeded.text.encode(), "base.yaml")
    assert [
        (one.code, (one.span.line, one.span.column), (one.span.end_line, one.span.end_column)) for one in found
    ] == [(defect.code, seeded.start, seeded.end)]
    assert found[0].hint
    if defect.meant:
        assert f"did you mean `{defect.meant}`?" in found[0].hint


def test_every_misspelt_name_names_what_was_meant() -> None:
    unknown = [defect for defect in DEFECTS if defect.code in ("unknown-key", "expression-unknown")]
    assert len(unknown) >= 10
    assert [defect.name for defect in unknown if not defect.meant] == []


def test_there_are_enough_classes_and_each_peer_edit_belongs_to_one() -> None:
    names = [defect.name for defect in DEFECTS]
    assert len(names) == len(set(names)) >= 60
    assert set(peers.EDITS) <= set(names)
    base = peers.BASE.read_text(encoding="utf-8")
    assert [name for name, (old, _) in peers.EDITS.items() if base.count(old) != 1] == []


def test_an_edit_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(ValueError, match="stands 0 times"):
        seed(replace(DEFECTS[0], old="no such text"))
    with pytest.raises(ValueError, match="one place must be marked"):
        seed(replace(DEFECTS[0], new="phases:\n"))
