"""The check-in on a plan: marks, milestones, steps left, risks and what needs attention, by what a run has left."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runner.compiler.compile import compile_plan
from runner.compiler.plan.model import Plan
from runner.errors import SpecError, UsageError
from runner.run.checkin import gather, shown
from runner.run.checkin.model import CheckIn, Point
from runner.run.checkin.standing import Documents, check_in
from runner.run.ports import Change
from runner.run.version import version_of
from runner.store.memory import MemoryStore

BEGAN = datetime(2030, 1, 1, 9, tzinfo=UTC)
SPEC = """
spec: 1
name: site
title: A *site*
agents: {ada: {title: Ada, human: true}, bob: {human: true}}
phases: {make: {title: 1. Make}, check: {title: 2. Check}}
steps:
  draft: {phase: make, ref: "1.1", title: Draft, owner: ada, run: echo draft}
  build: {phase: make, owner: ada, after: [draft], run: echo build}
  test: {phase: check, owner: bob, after: [build], matrix: {n: [1, 2]}, run: 'echo ${{ matrix.n }}'}
  words: {after: [build], for_each: {items: [a, b]}, run: 'echo ${{ item }}'}
milestones:
  - {id: w1, week: 1, title: Built, needs: [build], accept: ["steps.build.state == 'succeeded'"]}
  - {id: w2, week: 2, title: Tested, needs: [test]}
  - {id: some_day, needs: [words]}
risks:
  - {id: small, title: Rain, likelihood: low, impact: low}
  - {id: large, title: Price, likelihood: high, impact: high, owner: bob, mitigation: Budgets}
"""


def plan_of(text: str = SPEC) -> Plan:
    found = compile_plan(text.encode(), "site.yaml")
    assert found.plan is not None, found.diagnostics
    return found.plan


def leg(step: str, state: str = "pending", days: float | None = None, **more: Any) -> dict[str, Any]:
    """A leg's document; `days` after the beginning of the run it ended."""
    ended = None if days is None else (BEGAN + timedelta(days=days)).isoformat()
    started = BEGAN.isoformat() if ended or state in ("running", "paused", "failed") else None
    base = {"step": step, "leg": step, "state": state, "started_at": started, "ended_at": ended, "message": ""}
    return {**base, **more}


def documents(*legs: Mapping[str, Any], **more: Any) -> Documents:
    run = {"id": "r1", "created_at": BEGAN.isoformat(), "message": ""}
    about = {"state": "running", "milestones": {}, **more}
    return Documents(run=run, legs=legs, **about)


def looked(*legs: Mapping[str, Any], day: float = 3, **more: Any) -> CheckIn:
    return check_in(plan_of(), documents(*legs, **more), BEGAN + timedelta(days=day))


def marks(report: CheckIn) -> dict[str, str]:
    return {step.id: f"{step.mark} {step.state} {step.legs}".strip() for step in report.steps}


def test_without_a_run_nothing_has_begun_and_weeks_have_no_dates() -> None:
    report = check_in(plan_of(), None, BEGAN)
    assert set(marks(report).values()) == {"☐ pending"}
    assert [(one.when, one.state, one.mark) for one in report.milestones] == [
        ("week 1", "open", "☐"),
        ("week 2", "open", "☐"),
        ("", "open", "☐"),
    ]
    assert report.burn_down == (Point("start", 3, None), Point("week 1", 1, None), Point("week 2", 0, None))
    assert shown.summary(report) == "no run yet; 0 of 4 steps done, 0 of 3 milestones reached"
    assert report.notices == ()


def test_a_step_is_done_when_all_its_legs_are_and_begun_when_one_has() -> None:
    report = looked(
        leg("draft", "succeeded", 1),
        leg("build", "running"),
        leg("test", "succeeded", 1, leg="test[n=1]"),
        leg("test", "pending", leg="test[n=2]"),
        leg("words", "running"),
        leg("words", "succeeded", 2, leg="words[0]"),
        leg("words", "skipped", leg="words[1]"),
    )
    assert marks(report) == {
        "draft": "☑ succeeded",
        "build": "◐ running",
        "test": "◐ pending 1/2",
        "words": "☑ succeeded 1/2",
    }
    assert [(one.id, one.mark, one.state, one.waits_for) for one in report.milestones] == [
        ("w1", "◐", "open", ("Ada",)),
        ("w2", "◐", "open", ("bob",)),
        ("some_day", "◐", "open", ()),
    ]


def test_what_was_skipped_is_not_done() -> None:
    assert marks(looked(leg("draft", "skipped")))["draft"] == "☐ skipped"


def test_steps_left_at_each_milestone_and_now() -> None:
    legs = [leg("draft", "succeeded", 2), leg("build", "succeeded", 9)]
    assert looked(*legs, day=10).burn_down == (
        Point("start", 3, 3),
        Point("week 1 (2030-01-08)", 1, 2),
        Point("now", 1, 1),
        Point("week 2 (2030-01-15)", 0, None),
    )
    assert looked(*legs, day=30).burn_down[-1] == Point("now", 0, 1)


def test_milestones_of_one_week_are_one_point_and_dates_are_taken_as_they_stand() -> None:
    text = SPEC.replace("week: 2", "due: 2030-01-04").replace("id: some_day", "id: some_day, due: 2030-01-04")
    report = check_in(plan_of(text), documents(leg("draft", "succeeded", 1)), BEGAN + timedelta(days=3))
    assert [one.when for one in report.burn_down] == ["start", "now", "2030-01-04", "week 1 (2030-01-08)"]
    assert [one.planned for one in report.burn_down] == [4, 4, 2, 0]
    late = check_in(plan_of(text), documents(leg("draft", "succeeded", 1)), BEGAN + timedelta(days=4))
    assert [one.state for one in late.milestones] == ["open", "late", "late"]


def test_without_dated_milestones_there_is_no_burn_down() -> None:
    text = SPEC.replace("week: 1, ", "").replace("week: 2, ", "")
    assert check_in(plan_of(text), documents(), BEGAN).burn_down == ()


def test_a_late_milestone_a_failed_step_a_question_and_a_broken_check_need_attention() -> None:
    question = {"prompt": "Go\n on?", "owner": "ada", "decision": None}
    report = looked(
        leg("draft", "paused", approval=question),
        leg("build", "failed", 1, message="x" * 300),
        leg("test", "paused", leg="test[n=1]", approval={"prompt": "?", "decision": {"by": "ada"}}),
        day=20,
        state="paused",
        is_current=False,
        milestones={
            "w1": {
                "state": "missed",
                "checks": [{"expression": "1 > 2", "ok": False}, {"expression": "a", "ok": None}],
            },
            "w2": {"state": "pending", "checks": []},
        },
    )
    told = [(one.text, one.owner) for one in report.notices]
    assert told == [
        ("run r1 began with another version of the spec", ""),
        ("run r1 is paused", ""),
        ("draft waits for a decision: Go on?", "Ada"),
        (f"build failed: {'x' * 199}…", "Ada"),
        ("milestone w1 is missed: 0 of 1 steps done", "Ada"),
        ("milestone w1: `1 > 2` does not hold", ""),
        ("milestone w2 is late: 0 of 1 steps done", "bob"),
    ]
    text = shown.markdown([report])
    assert "- milestone w1: `1 > 2` does not hold" in text
    assert "- draft waits for a decision: Go on? (Ada)" in text
    assert "1 of 1 do not hold" in text


def test_a_run_whose_process_is_dead_leaves_steps_interrupted() -> None:
    report = looked(leg("draft", "running"), leg("build", "pending"), state="interrupted")
    assert marks(report)["draft"] == "◐ interrupted"
    assert [one.text for one in report.notices] == ["run r1 is interrupted"]


def test_the_gravest_risk_comes_first_with_its_owner_by_name() -> None:
    risks = [(one.title, one.owner, one.mitigation) for one in looked().risks]
    assert risks == [("Price", "bob", "Budgets"), ("Rain", "", "")]


def test_markdown_has_a_table_for_each_phase_and_text_is_only_text() -> None:
    held = {"w1": {"state": "reached", "checks": [{"expression": "e", "ok": True}]}}
    legs = [leg("draft", "succeeded", 1), leg("build", "succeeded", 2), leg("test", "running", leg="test[n=1]")]
    more = [leg("test", leg="test[n=2]")]
    report = check_in(
        plan_of(), documents(*legs, *more, milestones=held), BEGAN + timedelta(days=3), BEGAN + timedelta(days=1.5)
    )
    lines = shown.markdown([report]).splitlines()
    assert lines[0] == r"## A \*site\*"
    assert "`site`: run r1, begun 2030-01-01: running; 2 of 4 steps done, 1 of 3 milestones reached." in lines
    assert [line for line in lines if line.startswith("### ")] == [
        "### Done since 2030-01-02",
        "### 1. Make",
        "### 2. Check",
        "### Other steps",
        "### Milestones",
        "### Burn-down",
        "### Risks",
    ]
    assert lines[lines.index("### Done since 2030-01-02") + 2] == "- build"
    assert "| ☑ | 1.1 | Draft | Ada | succeeded |" in lines
    assert "| ◐ |  | test | bob | running (0/2) |" in lines
    assert "| ☑ | `w1` Built | week 1 (2030-01-08) | reached | 1/1 | 1 hold |  |" in lines
    assert "| now | 3 | 1 | ███████ |" in lines
    assert "| Price | high | high | bob | Budgets |" in lines


def test_markdown_of_a_plan_without_milestones_and_phases_is_its_steps() -> None:
    plan = plan_of("spec: 1\nname: small\nsteps: {say: {run: echo hi}}\n")
    text = shown.markdown([check_in(plan, None, BEGAN, BEGAN)])
    assert "### Steps" in text
    assert "Nothing." in text
    assert "Milestones" not in text
    assert shown.summary(check_in(plan, None, BEGAN)) == "no run yet; 0 of 1 steps done"


def test_a_phase_without_steps_has_no_table() -> None:
    all_in_phases = plan_of(SPEC.replace("words: {after", "words: {phase: make, after"))
    assert "Other steps" not in shown.markdown([check_in(all_in_phases, None, BEGAN)])


def test_checks_that_were_not_looked_at_are_not_said_to_hold() -> None:
    missed = looked(leg("build", "failed", 1), milestones={"w1": {"state": "missed", "checks": []}})
    assert [shown.checks(one) for one in missed.milestones] == ["not looked at", "", ""]
    assert [shown.checks(one) for one in looked().milestones] == ["1 to come", "", ""]


def test_json_is_a_list_with_all_of_it() -> None:
    (found,) = json.loads(shown.as_json([looked(leg("draft", "succeeded", 1))]))
    assert (found["workflow"], found["run"]["id"], found["steps"][0]["mark"]) == ("site", "r1", "☑")


def test_a_report_takes_its_place_between_the_marks_alone() -> None:
    document = f"# Plan\n{shown.BEGIN}\nold\n{shown.END}\nrest\n"
    assert shown.placed(document, "new\n") == f"# Plan\n{shown.BEGIN}\nnew\n{shown.END}\nrest\n"
    assert shown.placed("whatever was there", "new\n") == "new\n"
    assert shown.placed(f"{shown.BEGIN}\nno end", "new\n") == "new\n"


# ---------------------------------------------------------------- gathering


@pytest.fixture
def specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "site.yaml").write_text(SPEC)
    (tmp_path / "specs" / "small.yaml").write_text("spec: 1\nname: small\nsteps: {say: {run: echo hi}}\n")
    return tmp_path / "specs"


def test_without_names_the_specs_with_milestones_are_meant(specs: Path) -> None:
    assert [plan.name for plan in gather.plans([], milestones=True)] == ["site"]
    assert [plan.name for plan in gather.plans(["specs/small.yaml"], milestones=False)] == ["small"]
    (specs / "site.yaml").unlink()
    with pytest.raises(UsageError, match="no spec here has milestones"):
        gather.plans([], milestones=True)


def test_all_workflows_of_a_file_are_reported(specs: Path) -> None:
    (specs / "two.yaml").write_text(
        "spec: 1\nname: one\nsteps: {a: {run: echo}}\n---\nspec: 1\nname: two\nsteps: {a: {run: echo}}\n"
    )
    assert [plan.name for plan in gather.plans(["specs/two.yaml"], milestones=False)] == ["one", "two"]


def test_a_spec_with_errors_and_one_that_cannot_be_read_say_which(specs: Path) -> None:
    (specs / "wrong.yaml").write_text("spec: 1\nname: wrong\nsteps: {a: {ran: echo}}\n")
    with pytest.raises(SpecError, match=r"specs/wrong\.yaml has errors"):
        gather.plans(["specs/wrong.yaml"], milestones=False)
    (specs / "away.yaml").symlink_to("away.yaml")
    with pytest.raises(SpecError, match=r"specs/away\.yaml has errors: the file cannot be read"):
        gather.plans(["specs/away.yaml"], milestones=False)


def test_since_is_a_span_or_a_moment() -> None:
    assert gather.moment_since("7d", BEGAN) == BEGAN - timedelta(days=7)
    assert gather.moment_since("2030-01-01", BEGAN) == datetime(2030, 1, 1, tzinfo=UTC)
    assert gather.moment_since("2030-01-01T09:00+01:00", BEGAN) == datetime(2030, 1, 1, 8, tzinfo=UTC)
    for wrong in ("yesterday", "99999999w"):
        with pytest.raises(UsageError, match="no span of time and no date"):
            gather.moment_since(wrong, BEGAN)


def stored(**about: Any) -> CheckIn:
    """A check-in from a store with one run of `site`, one of its step and one of another workflow."""

    async def main() -> CheckIn:
        store, plan = MemoryStore(), plan_of()
        await store.open()
        run = {"id": "r1", "name": "site", "created_at": BEGAN.isoformat(), "state": "succeeded", "parent": None}
        run |= {"workflow": version_of(plan, "")[0], **about}
        await store.commit("r1", [Change("run", "r1", 0, run), Change("step", "draft", 0, leg("draft", "running"))], [])
        below = {**run, "created_at": (BEGAN + timedelta(days=1)).isoformat(), "parent": {"run": "r1"}}
        await store.commit("r2", [Change("run", "r2", 0, {**below, "id": "r2"})], [])
        await store.commit("r3", [Change("run", "r3", 0, {**run, "id": "r3", "name": "other"})], [])
        return await gather.checked_in(store, plan, None, BEGAN, None)

    return asyncio.run(main())


def test_the_newest_run_of_the_workflow_is_told_of() -> None:
    report = stored()
    assert report.run is not None
    assert (report.run.id, report.run.state, report.run.is_current) == ("r1", "succeeded", True)
    earlier = stored(workflow="another")
    assert [one.text for one in earlier.notices] == ["run r1 began with another version of the spec"]


def test_a_run_that_no_process_holds_is_interrupted() -> None:
    report = stored(state="running")
    assert report.run is not None
    assert report.run.state == "interrupted"
    assert report.steps[0].state == "interrupted"


def test_without_a_store_and_without_a_run_nothing_has_begun() -> None:
    async def main() -> list[CheckIn]:
        store = MemoryStore()
        await store.open()
        return [await gather.checked_in(each, plan_of(), None, BEGAN, None) for each in (None, store)]

    assert [one.run for one in asyncio.run(main())] == [None, None]
