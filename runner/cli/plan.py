"""`runner plan`: what a spec would do, without doing it; with `--diff`, what changes it."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from enum import StrEnum

import typer

from runner.cli.plan_diff import show_changes
from runner.cli.specfile import compiled
from runner.compiler.plan import markdown, mermaid, text
from runner.compiler.plan.calendar import upcoming
from runner.compiler.plan.model import Plan
from runner.compiler.plan.wire import to_json
from runner.compiler.renderers.text import harmless
from runner.errors import UsageError

#: Moments to count from: far enough from where dates end.
_YEARS = range(1970, 3000)


class Format(StrEnum):
    """How the plan is printed."""

    TEXT = "text"
    JSON = "json"
    MERMAID = "mermaid"
    MARKDOWN = "markdown"


def plan(  # noqa: PLR0913 - one parameter per option
    specs: list[str] | None = typer.Argument(
        None, metavar="SPEC[#NAME]", help="The spec, or - for standard input; with --diff any number, or folders."
    ),
    inputs: list[str] = typer.Option(
        [], "--input", "-i", metavar="KEY=VALUE", help="An input of the spec; may be given often."
    ),
    diff: str | None = typer.Option(
        None, "--diff", metavar="REV", help="Show what changed since this revision of git."
    ),
    exit_code: bool = typer.Option(False, "--exit-code", help="With --diff: exit code 1 if something has changed."),
    at: str | None = typer.Option(None, "--at", metavar="TIME", help="The moment to count schedules from, else now."),
    format_: Format = typer.Option(Format.TEXT, "--format", help="How to print the plan."),
    json_: bool = typer.Option(False, "--json", help="The same as --format json."),
) -> None:
    """Show what a spec would do, without doing it.

    The plan has the waves of steps, the legs of each matrix, every candidate for a sandbox and why it was taken or not,
    the milestones, the next times of schedules, the price and a digest.

    Without inputs, defaults hold, and a matrix that needs more is left open. Exit code 1 if the spec has errors.

    With --diff, it is compared with the plan of the same spec at a revision of git: steps, edges, boxes, price,
    schedules, inputs, secrets and network. Without SPEC, all specs that `runner validate` would check.
    """
    chosen = Format.JSON if json_ else format_
    moment = moment_of(at)
    if diff is not None:
        if chosen is Format.MERMAID or inputs:
            raise UsageError("--diff goes with neither --input nor --format mermaid", "leave one of them out")
        if show_changes(diff, specs or [], chosen.value, moment) and exit_code:
            raise typer.Exit(1)
        return
    if exit_code:
        raise UsageError("--exit-code needs --diff", "name a revision of git: runner plan --diff main --exit-code")
    if not specs or len(specs) > 1:
        raise UsageError("runner plan takes one spec", "name one: runner plan SPEC, or - for standard input")
    _show(compiled(specs[0], inputs, complete=False), chosen, moment)


def _show(found: Plan, chosen: Format, moment: datetime) -> None:
    fires = upcoming(found.extra.get("schedules"), moment)
    if chosen is Format.JSON:
        shown = {id_: [{"at": one.at.isoformat(), "note": one.note} for one in each] for id_, each in fires.items()}
        typer.echo(json.dumps({**to_json(found), "next_fires": shown}, indent=2, ensure_ascii=False))
    elif chosen is Format.MERMAID:
        typer.echo(harmless(mermaid.render(found)), nl=False)
    elif chosen is Format.MARKDOWN:
        typer.echo(harmless(markdown.render(found, fires)), nl=False)
    else:
        typer.echo(harmless(text.render(found, fires, _lacking_here(found))), nl=False)


def _lacking_here(found: Plan) -> dict[str, str]:
    """What candidates lack on this machine: no part of the plan, which is the same on all."""
    from runner import wiring

    wanted = {one.provider for sandbox in found.sandboxes.values() for one in sandbox.candidates if one.accepted}
    return wiring.lacking_here(wanted, os.environ)


def moment_of(at: str | None) -> datetime:
    """The moment that is given, in UTC where it names no offset, else now. Raises UsageError."""
    if at is None:
        return datetime.now(UTC).replace(microsecond=0)
    hint = "write it like 2027-03-28T01:30:00+01:00"
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        raise UsageError(f"--at {at}: that is no moment", hint) from None
    if found.year not in _YEARS:
        raise UsageError(f"--at {at}: the year must be from {_YEARS[0]} to {_YEARS[-1]}", hint)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
