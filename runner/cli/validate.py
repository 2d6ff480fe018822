"""`runner validate`: every mistake of some specs, with its place and what to do."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import typer

from runner.cli.mending import Mending
from runner.compiler.diagnostic import Diagnostic, Severity
from runner.compiler.renderers import RENDERERS, Report
from runner.compiler.renderers.text import summary
from runner.errors import UsageError
from runner.project.check import Checker
from runner.project.files import Source, sources
from runner.project.settings import Projects


class Format(StrEnum):
    """How the findings are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    JUNIT = "junit"


def validate(  # noqa: PLR0913 - one parameter per option
    paths: list[str] = typer.Argument(
        None,
        metavar="[PATHS|-]",
        help="Specs, folders with specs, patterns such as 'specs/**', or - for standard input.",
    ),
    strict: bool = typer.Option(False, "--strict", help="Warnings count as errors."),
    format_: Format = typer.Option(Format.TEXT, "--format", help="How to print the findings."),
    json_: bool = typer.Option(False, "--json", help="The same as --format json."),
    fix: bool = typer.Option(False, "--fix", help="Mend what can be mended safely, in the files."),
    unsafe_fixes: bool = typer.Option(
        False, "--unsafe-fixes", help="Mend in the files also what may not be what was meant."
    ),
    diff: bool = typer.Option(False, "--diff", help="Write nothing; print what the fixes would change."),
    shellcheck: bool = typer.Option(
        None, "--shellcheck/--no-shellcheck", help="Whether ShellCheck looks at shell texts; else runner.toml says."
    ),
    config: str = typer.Option(None, "--config", metavar="FILE", help="The settings for all specs."),
    no_config: bool = typer.Option(False, "--no-config", help="Leave every runner.toml aside."),
    no_cache: bool = typer.Option(False, "--no-cache", help="Check again what has not changed since the last time."),
    statistics: bool = typer.Option(False, "--statistics", help="Print how often each check found something."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Show only what makes the command fail."),
) -> None:
    """Check specs without running anything.

    Exit code 1 if there is an error. Without PATHS: the specs in the folder `specs`, or else the ones in the current
    folder. A folder is searched for *.yaml and *.yml with a top-level key `spec`. The nearest runner.toml above a spec
    says how it is checked.
    """
    if statistics and format_ not in (Format.TEXT, Format.JSON):
        raise UsageError(f"--statistics is text or JSON, not {format_.value}", "leave one of the two out")
    projects = Projects(config, none=no_config)
    found = sources(paths or [], projects, sys.stdin.buffer if sys.stdin else None)
    checker = Checker(projects, shellcheck=shellcheck, environment=None if no_cache else os.environ)
    checked = _checked(checker, found)
    mending = Mending(checker, unsafe=unsafe_fixes, only_show=diff) if fix or unsafe_fixes or diff else None
    if mending:
        checked = [mending.of(source, findings) for source, findings in checked]
        mending.tell()
    report = _report(checked, projects, strict=strict)
    shown = replace(report, diagnostics=_failing(report)) if quiet else report
    if statistics:
        _print_statistics(shown, as_json=json_ or format_ is Format.JSON)
    elif shown.diagnostics or not quiet:
        print_report(shown, "json" if json_ else format_.value, err=mending is not None and mending.fills_output)
    if _failing(report) or (diff and mending and mending.changed):
        raise typer.Exit(1)


def print_report(report: Report, format_: str, *, err: bool = False) -> None:
    """Print a report to standard output or standard error, in colour on a terminal unless NO_COLOR is set."""
    stream = sys.stderr if err else sys.stdout
    colour = stream.isatty() and not os.environ.get("NO_COLOR")
    shown = replace(report, home=f"{Path.cwd().as_uri()}/") if colour else report
    typer.echo(RENDERERS[format_](shown, colour=colour), nl=False, err=err)


def _checked(checker: Checker, found: Sequence[Source]) -> list[tuple[Source, list[Diagnostic]]]:
    findings = checker.check({source.path: source.data for source in found if isinstance(source.data, bytes)})
    return [
        (source, [source.data] if isinstance(source.data, Diagnostic) else findings[source.path]) for source in found
    ]


def _report(checked: Sequence[tuple[Source, list[Diagnostic]]], projects: Projects, *, strict: bool) -> Report:
    """What was found in the settings, then in each spec."""
    used = projects.loaded()
    texts = {project.path: project.text for project in used if project.findings}
    for source, findings in checked:
        if findings and isinstance(source.data, bytes):
            texts[source.path] = source.data.decode("utf-8-sig", "replace")
    failing = {Severity.ERROR, Severity.WARNING} if strict or any(one.strict for one in used) else {Severity.ERROR}
    return Report(
        diagnostics=(
            *(one for project in used for one in project.findings),
            *(one for _, all_ in checked for one in all_),
        ),
        texts=texts,
        files=len(checked),
        paths=tuple(source.path for source, _ in checked),
        failing=frozenset(failing),
    )


def _failing(report: Report) -> tuple[Diagnostic, ...]:
    return tuple(found for found in report.diagnostics if found.severity in report.failing)


def _print_statistics(report: Report, *, as_json: bool) -> None:
    counts = Counter((found.code, found.severity.value) for found in report.diagnostics)
    fixable = Counter(found.code for found in report.diagnostics if found.fix)
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    if as_json:
        every = [
            {"code": code, "severity": bad, "count": count, "fixable": fixable[code]} for (code, bad), count in rows
        ]
        typer.echo(json.dumps(every, indent=2))
        return
    for (code, severity), count in rows:
        typer.echo(
            f"{count:>6}  {severity:<7}  {code}" + (f"  ({fixable[code]} can be fixed)" if fixable[code] else "")
        )
    typer.echo(summary(report))
