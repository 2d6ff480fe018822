"""`runner plan`: what a spec would do, without doing it."""

from __future__ import annotations

import json
import os
import sys
from enum import StrEnum
from pathlib import Path

import typer

from runner.compiler.compile import Compilation, compile_plan
from runner.compiler.inputs import parse_inputs
from runner.compiler.plan import mermaid, text
from runner.compiler.plan.model import Plan
from runner.compiler.plan.wire import to_json
from runner.compiler.renderers import RENDERERS, Report
from runner.errors import UsageError


class Format(StrEnum):
    """How the plan is printed."""

    TEXT = "text"
    JSON = "json"
    MERMAID = "mermaid"


def plan(
    spec: str = typer.Argument(..., metavar="SPEC", help="The spec, or - for standard input."),
    inputs: list[str] = typer.Option([], "--input", "-i", metavar="KEY=VALUE", help="An input; may be given often."),
    format_: Format = typer.Option(Format.TEXT, "--format", help="How to print the plan."),
    json_: bool = typer.Option(False, "--json", help="The same as --format json."),
) -> None:
    """Show the plan of a spec: waves, sandboxes with every candidate and why, matrix legs, milestones, digest.

    Without inputs, defaults hold, and a matrix that needs more is left open. Exit code 1 if the spec has errors.
    """
    found = _compiled(spec, inputs)
    if found is None:
        raise typer.Exit(1)
    chosen = Format.JSON if json_ else format_
    if chosen is Format.JSON:
        typer.echo(json.dumps(to_json(found), indent=2, ensure_ascii=False))
    else:
        typer.echo(mermaid.render(found) if chosen is Format.MERMAID else text.render(found), nl=False)


def _read(spec: str) -> bytes:
    if spec == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(spec).read_bytes()
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise UsageError(
            f"{spec} cannot be read: {reason}", "give the path of a spec, or - for standard input"
        ) from error


def _compiled(spec: str, pairs: list[str]) -> Plan | None:
    data = _read(spec)
    path = "<stdin>" if spec == "-" else spec
    first = compile_plan(data, path)
    _print_findings(first, path, data)
    if first.plan is None or not pairs:
        return first.plan
    return compile_plan(data, path, parse_inputs(pairs, first.plan.inputs_schema)).plan


def _print_findings(found: Compilation, path: str, data: bytes) -> None:
    if found.diagnostics:
        report = Report(tuple(found.diagnostics), {path: data.decode("utf-8-sig", "replace")}, 1)
        colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        typer.echo(RENDERERS["text"](report, colour=colour), nl=False, err=True)
