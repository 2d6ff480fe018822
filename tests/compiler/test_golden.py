"""Golden folders: specs in `ok/` are silent; each in `err/` gives exactly the lines of its `.out`.

A new case is two files; its name is the case. `RUNNER_GOLDEN=write` writes the `.out` files anew: read the
difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.compiler.compile import check
from runner.compiler.renderers.text import one_line

GOLDEN = Path(__file__).parent.parent / "golden"
OK = sorted((GOLDEN / "ok").glob("*.yaml"))
ERR = sorted((GOLDEN / "err").glob("*.yaml"))


def found_in(path: Path) -> str:
    return "".join(one_line(found) + "\n" for found in check(path.read_bytes(), path.name))


@pytest.mark.parametrize("path", OK, ids=lambda path: path.stem)
def test_a_good_spec_is_silent(path: Path) -> None:
    assert found_in(path) == ""


@pytest.mark.parametrize("path", ERR, ids=lambda path: path.stem)
def test_each_mistake_is_told_where_it_is(path: Path) -> None:
    found = found_in(path)
    expected = path.with_suffix(".out")
    if os.environ.get("RUNNER_GOLDEN") == "write":
        expected.write_text(found, encoding="utf-8")
    assert found, "a case in err/ must give a finding"
    assert found == expected.read_text(encoding="utf-8")


def test_the_folders_are_not_empty_and_each_output_has_its_spec() -> None:
    assert len(OK) >= 12
    assert len(ERR) >= 50
    assert {path.stem for path in (GOLDEN / "err").glob("*.out")} == {path.stem for path in ERR}
