"""`runner plan`: what a spec would do, without doing it."""

from __future__ import annotations

import json
from enum import StrEnum

import typer

from runner.cli.specfile import compiled
from runner.compiler.plan import mermaid, text
from runner.compiler.plan.wire import to_json


class Format(StrEnum):
    """How the plan is printed."""

    TEXT = "text"
    JSON = "json"
    MERMAID = "mermaid"


def plan(
    spec: str = typer.Argument(
        ..., metavar="SPEC", help="The spec (FILE#NAME where it holds several), or - for standard input."
    ),
    inputs: list[str] = typer.Option(
        [], "--input", "-i", metavar="KEY=VALUE", help="An input of the spec; may be given often."
    ),
    format_: Format = typer.Option(Format.TEXT, "--format", help="How to print the plan."),
    json_: bool = typer.Option(False, "--json", help="The same as --format json."),
) -> None:
    """Show what a spec would do, without doing it.

    The plan has the waves of steps, the legs of each matrix, every candidate for a sandbox and why it was taken or not,
    the milestones and a digest.

    Without inputs, defaults hold, and a matrix that needs more is left open. Exit code 1 if the spec has errors.
    """
    found = compiled(spec, inputs, complete=False)
    chosen = Format.JSON if json_ else format_
    if chosen is Format.JSON:
        typer.echo(json.dumps(to_json(found), indent=2, ensure_ascii=False))
    else:
        typer.echo(mermaid.render(found) if chosen is Format.MERMAID else text.render(found), nl=False)
