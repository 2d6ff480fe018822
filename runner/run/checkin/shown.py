"""Check-ins as Markdown and JSON, and a report that is a part of a document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from runner.compiler.plan.markdown import code, plain, sentence, table
from runner.run.checkin.model import CheckIn, MilestoneLine, StepLine

#: What stands around a report in a document that says more than it.
BEGIN, END = "<!-- runner report -->", "<!-- /runner report -->"
_BAR = 20


def markdown(reports: Sequence[CheckIn]) -> str:
    """The reports one after another; text from specs and runs is only text in it."""
    return "\n".join("\n".join(_about(each)) + "\n" for each in reports)


def as_json(reports: Sequence[CheckIn]) -> str:
    """One object for each workflow, in a list."""
    return json.dumps([each.to_json() for each in reports], indent=2, ensure_ascii=False) + "\n"


def placed(document: str, report: str) -> str:
    """The document with the report in it: between the two marks where it has these, else in its place."""
    before, begin, rest = document.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(END)
    return f"{before}{begin}{report}{end}{after}" if end else report


def summary(report: CheckIn) -> str:
    """Where it stands, in a sentence."""
    counted = f"{report.done} of {len(report.steps)} steps done"
    if report.milestones:
        counted += f", {report.reached} of {len(report.milestones)} milestones reached"
    if report.run is None:
        return f"no run yet; {counted}"
    return f"run {report.run.id}, begun {report.run.began}: {report.run.state}; {counted}"


def by_phase(report: CheckIn) -> Iterator[tuple[str, list[StepLine]]]:
    """The steps of each phase under its title, then those of none."""
    for phase, title in {**report.phases, "": "Other steps" if report.phases else "Steps"}.items():
        if steps := [step for step in report.steps if step.phase == phase]:
            yield title, steps


def bar(report: CheckIn, left: int | None) -> str:
    """What is left, as a bar."""
    return "" if left is None else "█" * round(_BAR * left / report.burn_down[0].planned)


def checks(milestone: MilestoneLine) -> str:
    """How many of its checks hold, once that was looked at."""
    if milestone.state not in ("reached", "missed") or not milestone.checks:
        return f"{milestone.checks} to come" if milestone.checks else ""
    return f"{len(milestone.unheld)} of {milestone.checks} do not hold" if milestone.unheld else _held(milestone)


def _held(milestone: MilestoneLine) -> str:
    return f"{milestone.checks} hold" if milestone.state == "reached" else "not looked at"


# ---------------------------------------------------------------- Markdown


def _about(report: CheckIn) -> Iterator[str]:
    yield from (f"## {plain(report.title)}", "", f"{code(report.workflow)}: {plain(summary(report))}.")
    if report.notices:
        yield from ("", "### Needs attention", "")
        for one in report.notices:
            yield f"- {sentence(one.text)}" + (f" ({plain(one.owner)})" if one.owner else "")
    if report.since:
        yield from ("", f"### Done since {report.since}", "")
        yield from [f"- {plain(step.shown)}" for step in report.moved] or ["Nothing."]
    for title, steps in by_phase(report):
        yield from ("", f"### {plain(title)}", "")
        yield from table(("", "ref", "step", "owner", "state"), map(_step, steps))
    yield from _plan(report)


def _plan(report: CheckIn) -> Iterator[str]:
    if report.milestones:
        yield from ("", "### Milestones", "")
        heads = ("", "milestone", "when", "state", "steps", "checks", "waits for")
        yield from table(heads, map(_milestone, report.milestones))
    if report.burn_down:
        yield from ("", "### Burn-down", "")
        rows = [
            (one.when, str(one.planned), "" if one.left is None else str(one.left), bar(report, one.left))
            for one in report.burn_down
        ]
        yield from table(("when", "planned to be left", "left", ""), rows)
    if report.risks:
        yield from ("", "### Risks", "")
        told = [(one.title, one.likelihood, one.impact, one.owner, one.mitigation) for one in report.risks]
        rows_ = [tuple(map(plain, row)) for row in told]
        yield from table(("risk", "likelihood", "impact", "owner", "mitigation"), rows_)


def _step(step: StepLine) -> Sequence[str]:
    state = f"{step.state} ({step.legs})" if step.legs else step.state
    return step.mark, plain(step.ref), plain(step.title or step.id), plain(step.owner), state


def _milestone(one: MilestoneLine) -> Sequence[str]:
    name = f"{code(one.id)} {plain(one.title)}".strip()
    steps, owners = f"{one.done}/{one.steps}", plain(", ".join(one.waits_for))
    return one.mark, name, one.when, one.state, steps, checks(one), owners
