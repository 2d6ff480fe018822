"""Golden plans: `golden/plan/NAME.yaml` gives exactly `NAME.txt`, `NAME.mmd`, `NAME.md` and the digest inside.

`RUNNER_GOLDEN=write` writes the outputs anew: read the difference before you commit it.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runner.compiler.compile import compile_plan
from runner.compiler.plan import markdown, mermaid, text
from runner.compiler.plan.calendar import upcoming

GOLDEN = Path(__file__).parents[2] / "golden" / "plan"
SPECS = sorted(GOLDEN.glob("*.yaml"))
#: From here the next times of schedules are counted.
MOMENT = datetime(2027, 10, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_plan_is_what_it_was(path: Path) -> None:
    data = path.read_bytes()
    plan = compile_plan(data, path.name, name=path.stem if b"\n---\n" in data else None).plan
    assert plan is not None
    fires = upcoming(plan.extra.get("schedules"), MOMENT, 2)
    for suffix, shown in (
        (".txt", text.render(plan, fires)),
        (".mmd", mermaid.render(plan)),
        (".md", markdown.render(plan, fires)),
    ):
        expected = path.with_suffix(suffix)
        if os.environ.get("RUNNER_GOLDEN") == "write":
            expected.write_text(shown, encoding="utf-8")
        assert shown == expected.read_text(encoding="utf-8")


def test_there_are_golden_plans() -> None:
    assert len(SPECS) >= 4
