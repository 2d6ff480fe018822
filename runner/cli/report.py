"""`runner report`: the weekly check-in on a plan, and whether a report that was written down still says how it is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import typer

from runner.cli.plan import moment_of
from runner.cli.state import STATE, find_run, reading
from runner.cli.table import one_line, render
from runner.compiler.plan.model import Plan
from runner.compiler.renderers.text import harmless
from runner.errors import UsageError
from runner.run.checkin import gather, shown
from runner.run.checkin.model import CheckIn
from runner.run.kept import load, load_plan
from runner.run.ports import Record, StateStore


class Format(StrEnum):
    """How the report is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_BY_SUFFIX = {".md": Format.MARKDOWN, ".json": Format.JSON}


def report(  # noqa: PLR0913 - one parameter per option
    about: list[str] | None = typer.Argument(
        None, metavar="[RUN|SPEC]...", help="Specs, folders, runs or `last`; without any, all specs with milestones."
    ),
    since: str | None = typer.Option(
        None, "--since", metavar="SPAN|TIME", help="Also list what was done since then, as in 7d or 2030-01-31."
    ),
    at: str | None = typer.Option(
        None, "--at", metavar="TIME", help="The moment at which it is looked what is late, else now."
    ),
    out: Path | None = typer.Option(None, "--out", metavar="FILE", help="Write the report into this file."),
    check: bool = typer.Option(
        False, "--check", help="With --out: write nothing; exit code 1 if the file says something else."
    ),
    format_: Format | None = typer.Option(
        None, "--format", help="How to print it; without, by the suffix of FILE (.md, .json), else text."
    ),
    json_: bool = typer.Option(False, "--json", help="The same as --format json."),
    state: Path = STATE,
) -> None:
    """Report how far a plan is, by its newest run: the weekly check-in.

    The steps of each phase with their owners (☐ not begun, ◐ begun, ☑ succeeded), milestones, steps left at each of
    them, risks, and what needs attention. A spec is reported by its newest run, a run with the plan it began with.

    In a FILE with the lines `<!-- runner report -->` and `<!-- /runner report -->`, only what is between them is
    written, and compared. Exit code 1 with --check if the file is not current, and if a spec has errors.
    """
    if check and out is None:
        raise UsageError("--check goes with --out", "name the report: runner report --out STATUS.md --check")
    chosen = Format.JSON if json_ else format_ or _BY_SUFFIX.get(out.suffix if out else "", Format.TEXT)
    now = moment_of(at)
    begin = None if since is None else gather.moment_since(since, now)
    text = _shown(asyncio.run(_reports(about or [], state, now, begin)), chosen)
    if out is None:
        typer.echo(text, nl=False)
    elif not _put(out, _COLOUR.sub("", text), only_look=check) and check:
        typer.echo(f"{out} is not current; write it anew: runner report --out {out}", err=True)
        raise typer.Exit(1)


async def _reports(names: Sequence[str], state: Path, at: datetime, since: datetime | None) -> list[CheckIn]:
    async with reading(state) as store:
        found: list[tuple[Plan, Record | None]] = []
        for name in names:
            found += (
                [(plan, None) for plan in gather.plans([name], milestones=False)]
                if _is_spec(name)
                else [await _run(store, state, name)]
            )
        if not names:
            found = [(plan, None) for plan in gather.plans([], milestones=True)]
        return [await gather.checked_in(store, plan, run, at, since) for plan, run in found]


def _is_spec(name: str) -> bool:
    return Path(name).exists() or name.endswith((".yaml", ".yml")) or "/" in name


async def _run(store: StateStore | None, state: Path, name: str) -> tuple[Plan, Record]:
    record = await find_run(store, state, name)
    if store is None:
        raise AssertionError("find_run has raised")
    return load_plan(state, await load(store, record.key)), record


def _put(file: Path, report: str, *, only_look: bool) -> bool:
    """Whether the file holds the report already; if not it does afterwards, unless it is only looked at."""
    try:
        before = file.read_text(encoding="utf-8") if file.exists() else None
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is no text", "Name another file by --out.") from error
    after = report if before is None else shown.placed(before, report)
    if before != after and not only_look:
        file.write_text(after, encoding="utf-8")
    return before == after


# ---------------------------------------------------------------- text


def _shown(reports: Sequence[CheckIn], chosen: Format) -> str:
    if chosen is Format.JSON:
        return shown.as_json(reports)
    if chosen is Format.MARKDOWN:
        return harmless(shown.markdown(reports))
    return "\n".join(_text(each) for each in reports)


def _text(report: CheckIn) -> str:
    parts = [f"{one_line(report.title)}\n{report.workflow}: {shown.summary(report)}"]
    if report.notices:
        lines = [
            f"  {one_line(each.text, 300)}" + (f" ({each.owner})" if each.owner else "") for each in report.notices
        ]
        parts.append("\n".join(["Needs attention", *lines]))
    if report.since:
        lines = [f"  {one_line(step.shown)}" for step in report.moved] or ["  nothing"]
        parts.append("\n".join([f"Done since {report.since}", *lines]))
    for title, steps in shown.by_phase(report):
        rows = [
            (
                each.mark,
                each.ref,
                one_line(each.title or each.id),
                one_line(each.owner),
                f"{each.state} {each.legs}".strip(),
            )
            for each in steps
        ]
        parts.append(f"{one_line(title)}\n{render(('', 'REF', 'STEP', 'OWNER', 'STATE'), rows)}")
    parts += _plan(report)
    return "\n\n".join(parts) + "\n"


def _plan(report: CheckIn) -> list[str]:
    parts = []
    if report.milestones:
        rows = [
            (one.mark, one.id, one_line(one.title), one.when, one.state, f"{one.done}/{one.steps}", shown.checks(one))
            for one in report.milestones
        ]
        parts.append(render(("", "MILESTONE", "TITLE", "WHEN", "STATE", "STEPS", "CHECKS"), rows))
    if report.burn_down:
        points = [
            (one.when, str(one.planned), "" if one.left is None else str(one.left), shown.bar(report, one.left))
            for one in report.burn_down
        ]
        parts.append(render(("WHEN", "PLANNED LEFT", "LEFT", ""), points))
    if report.risks:
        told = [
            (one_line(one.title), one.likelihood, one.impact, one_line(one.owner), one_line(one.mitigation))
            for one in report.risks
        ]
        parts.append(render(("RISK", "LIKELIHOOD", "IMPACT", "OWNER", "MITIGATION"), told))
    return parts
