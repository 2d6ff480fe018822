"""Golden plans: `golden/plan/NAME.yaml` gives exactly `NAME.txt`, `NAME.mmd` and the digest inside.

`RUNNER_GOLDEN=write` writes the outputs anew: read the difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.compiler.compile import compile_plan
from runner.compiler.plan import mermaid, text

GOLDEN = Path(__file__).parents[2] / "golden" / "plan"
SPECS = sorted(GOLDEN.glob("*.yaml"))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_plan_is_what_it_was(path: Path) -> None:
    data = path.read_bytes()
    plan = compile_plan(data, path.name, name=path.stem if b"\n---\n" in data else None).plan
    assert plan is not None
    for suffix, shown in ((".txt", text.render(plan)), (".mmd", mermaid.render(plan))):
        expected = path.with_suffix(suffix)
        if os.environ.get("RUNNER_GOLDEN") == "write":
            expected.write_text(shown, encoding="utf-8")
        assert shown == expected.read_text(encoding="utf-8")


def test_there_are_golden_plans() -> None:
    assert len(SPECS) >= 4
